EXTRA_DIST += interop/README.md interop/conftest.py interop/der.py interop/forge.py \
    interop/lint.py interop/memory.py interop/openssl-from interop/oracle.py interop/sweep.py interop/test_admin.py interop/test_algorithms.py interop/test_answers.py interop/test_authority.py \
    interop/test_client_mode.py interop/test_config.py interop/test_connections.py interop/test_durability.py interop/test_ejbca.py \
    interop/test_forge.py interop/test_headers.py interop/test_http.py interop/test_lint.py interop/test_log.py \
    interop/test_message_show.py interop/test_modules.py interop/test_newer_clients.py interop/test_oracle.py interop/test_oracle_free.py interop/test_race.py \
    interop/test_reload.py interop/test_rr.py \
    interop/test_secrets.py interop/test_signed.py interop/test_stock_client.py interop/test_sweep.py \
    interop/test_systemd.py interop/test_tls.py interop/test_transactions.py interop/test_watch.py \
    interop/tlspki.py
