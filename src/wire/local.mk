noinst_LTLIBRARIES += src/wire/libwire.la
src_wire_libwire_la_SOURCES = src/wire/wire.h src/wire/wire_local.h src/wire/algs.h src/wire/names.h \
    src/wire/der.h src/wire/der.c src/wire/algid.c src/wire/body.c src/wire/cert.c src/wire/crmf.c \
    src/wire/digest.c src/wire/encrypt.c src/wire/extension.c src/wire/general_name.c src/wire/mac_params.c \
    src/wire/names.c src/wire/names_text.c src/wire/oids.c src/wire/p10.c src/wire/pkimsg.c src/wire/popo.c \
    src/wire/protect_mac.c src/wire/protect_sig.c src/wire/pss.c src/wire/pubkey.c \
    src/wire/san.c src/wire/sha256_loop.c src/wire/sig_alg.c
