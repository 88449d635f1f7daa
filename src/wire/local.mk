noinst_LTLIBRARIES += src/wire/libwire.la
src_wire_libwire_la_SOURCES = src/wire/wire.h src/wire/der.h src/wire/der.c
src_wire_libwire_la_SOURCES += src/wire/names_local.h src/wire/cert.c \
    src/wire/digest.c src/wire/names.c src/wire/names_text.c src/wire/popo.c \
    src/wire/protect_mac.c src/wire/protect_sig.c src/wire/pubkey.c
src_wire_libwire_la_SOURCES += src/wire/wire_local.h src/wire/algid.c src/wire/body.c \
    src/wire/crmf.c src/wire/extension.c src/wire/general_name.c src/wire/p10.c src/wire/pkimsg.c
