"""An API server as a process: its store, its certificate, its port; and what can be wrong with them."""

from __future__ import annotations

import asyncio
import dataclasses
import errno
import logging
import os
import resource
import ssl
from collections.abc import Callable
from pathlib import Path
from typing import Any

from wherry.api.errors import ApiError
from wherry.apiserver.app import ApiServer
from wherry.apiserver.auth.keys import BadKey, check_key_file, ensure_key_file
from wherry.apiserver.auth.tokenfile import BadTokenFile
from wherry.apiserver.settings import ApiServerSettings
from wherry.component import Env
from wherry.component_flags import UsageError
from wherry.etcd.open import open_store
from wherry.etcd.store import MvccStore
from wherry.etcd.types import StoreFailed, StoreFull
from wherry.http.tls import self_signed, server_context

log = logging.getLogger("wherry.apiserver")

_NAMES = ("kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost", "127.0.0.1")


async def run(settings: ApiServerSettings, flags: dict[str, Any], ready: Callable[[], None]) -> None:
    """Serves until cancelled. Raises UsageError for what the person who started it can put right."""
    _may_open_many_files()
    if set(settings.authorization_modes) - {"AlwaysAllow"}:
        modes = ",".join(settings.authorization_modes)
        log.warning("authorization-mode %s is not there yet: authenticated users may do everything", modes)
    env = Env()
    settings = _with_files(settings, Path(flags["cert_dir"]), env)
    store = _store(flags, env)
    try:
        try:
            server = ApiServer(store, env, settings)
        except BadTokenFile as error:
            raise UsageError(str(error)) from error
        except UnicodeDecodeError as error:
            raise UsageError(f"--token-auth-file: {settings.token_auth_file} is no text: {error}") from error
        await _together(server, store, ready)
    except (ApiError, StoreFailed, StoreFull) as error:
        raise OSError(f"the API server cannot go on: {error}") from error
    except OSError as error:
        if error.errno in (errno.EADDRINUSE, errno.EACCES, errno.EADDRNOTAVAIL):
            where = f"{settings.bind_address}:{settings.secure_port}"
            raise UsageError(f"failed to listen on {where}: {os.strerror(error.errno).lower()}") from error
        raise
    finally:
        await store.close()


def _may_open_many_files() -> None:
    """Each watch is a connection; the soft limit is for programs that call select(2), as Go knows too."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


async def _together(server: ApiServer, store: MvccStore, ready: Callable[[], None]) -> None:
    """The server beside its store's upkeep; whichever fails takes the other with it."""
    upkeep = asyncio.create_task(store.run())
    serving = asyncio.create_task(server.run(ready))
    try:
        await asyncio.wait((upkeep, serving), return_when=asyncio.FIRST_COMPLETED)
    finally:
        serving.cancel()
        await asyncio.wait((serving,))
        upkeep.cancel()
        await asyncio.wait((upkeep,))
    for task in (upkeep, serving):
        if not task.cancelled():
            task.result()


def _with_files(settings: ApiServerSettings, cert_dir: Path, env: Env) -> ApiServerSettings:
    """Settings with the files that had to be made, and all of them tried once."""
    changes: dict[str, Any] = {}
    try:
        if settings.tls_cert_file is None:
            cert, key = cert_dir / "apiserver.crt", cert_dir / "apiserver.key"
            own = (settings.advertise_address, settings.kubernetes_service_ip)
            self_signed(cert, key, [*_NAMES, *(name for name in own if name)], env.clock)
            changes |= {"tls_cert_file": cert, "tls_private_key_file": key}
        if settings.service_account.signing_key_file is None:
            path = cert_dir / "service-account.key"
            ensure_key_file(path)
            changes["service_account"] = dataclasses.replace(settings.service_account, signing_key_file=path)
    except OSError as error:
        raise UsageError(f"--cert-dir: cannot write {error.filename}: {error.strerror}") from error
    settings = dataclasses.replace(settings, **changes)
    accounts = settings.service_account
    try:
        for name in (accounts.signing_key_file, *accounts.key_files):
            if name is not None:
                check_key_file(name)
    except (BadKey, OSError) as error:
        raise UsageError(f"service account key: {error}") from error
    if settings.tls_cert_file is None or settings.tls_private_key_file is None:
        raise UsageError("--tls-cert-file and --tls-private-key-file must be given together")
    try:
        server_context(settings.tls_cert_file, settings.tls_private_key_file, settings.client_ca_file)
    except (OSError, ssl.SSLError) as error:
        names = f"{settings.tls_cert_file}, {settings.tls_private_key_file}, {settings.client_ca_file}"
        raise UsageError(f"unusable certificate, key or client CA ({names}): {error}") from error
    return settings


def _store(flags: dict[str, Any], env: Env) -> MvccStore:
    if flags["etcd_servers"]:
        raise UsageError("--etcd-servers: this version keeps its own store; give --data-dir instead")
    if not flags["data_dir"]:
        raise UsageError("--data-dir is needed: the folder where the cluster's state is kept")
    try:
        return open_store(Path(flags["data_dir"]), env)
    except (OSError, StoreFailed) as error:
        raise UsageError(f"--data-dir: {error}") from error
