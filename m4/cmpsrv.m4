# Warning and hardening flags, each taken only where the compiler knows it.
AC_DEFUN([CMPSRV_TRY_CFLAG], [
  save_CFLAGS=$CFLAGS
  CFLAGS="$CFLAGS -Werror $2"
  AC_MSG_CHECKING([whether $CC accepts $2])
  AC_COMPILE_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $1="$$1 $2"], [AC_MSG_RESULT([no])])
  CFLAGS=$save_CFLAGS])
AC_DEFUN([CMPSRV_TRY_LDFLAG], [
  save_LDFLAGS=$LDFLAGS
  LDFLAGS="$LDFLAGS $2"
  AC_MSG_CHECKING([whether the linker accepts $2])
  AC_LINK_IFELSE([AC_LANG_PROGRAM([], [])],
    [AC_MSG_RESULT([yes]); $1="$$1 $2"], [AC_MSG_RESULT([no])])
  LDFLAGS=$save_LDFLAGS])

AC_DEFUN([AX_CMPSRV_FLAGS], [
  WARN_CFLAGS="-std=gnu11"
  m4_foreach_w([flag], [-Wall -Wextra -Wshadow -Wconversion -Wformat=2 -Wvla -Wstrict-prototypes
      -Wmissing-prototypes -Werror=implicit-function-declaration -Werror=vla],
    [CMPSRV_TRY_CFLAG([WARN_CFLAGS], flag)])
  WARN_CFLAGS="$WARN_CFLAGS -Werror=format-security"
  HARDEN_CFLAGS="-fvisibility=hidden"
  AS_IF([test "x$enable_asan$enable_ubsan$enable_tsan$enable_coverage" = x], [
    m4_foreach_w([flag], [-fstack-protector-strong -fstack-clash-protection -fcf-protection=full
        -ftrivial-auto-var-init=zero -fno-delete-null-pointer-checks -fno-strict-overflow],
      [CMPSRV_TRY_CFLAG([HARDEN_CFLAGS], flag)])
    HARDEN_CFLAGS="$HARDEN_CFLAGS -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=3"
    m4_foreach_w([flag], [[-Wl,-z,relro] [-Wl,-z,now] [-Wl,-z,noexecstack] [-Wl,-z,separate-code]
        [-Wl,--as-needed]],
      [CMPSRV_TRY_LDFLAG([HARDEN_LDFLAGS], [flag])])])
])
