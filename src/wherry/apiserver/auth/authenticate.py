"""Who asks: client certificate, then bearer token, then nobody.

Everything here is synchronous and in memory. What was found out is kept per connection (certificates,
static tokens: for its life) and per token (service accounts: `TOKEN_TTL` seconds, as upstream does).
"""

from __future__ import annotations

import logging
from collections import OrderedDict

from wherry.api import errors
from wherry.apiserver.attributes import ANONYMOUS, User
from wherry.apiserver.auth import x509
from wherry.apiserver.auth.serviceaccount import Refused, Verifier
from wherry.clock import Clock
from wherry.http.messages import Peer, Request

log = logging.getLogger("wherry.apiserver")

TOKEN_TTL = 10.0
KEPT = 4096


class Authenticator:
    def __init__(
        self,
        verifier: Verifier,
        static_tokens: dict[str, User],
        clock: Clock,
        audiences: tuple[str, ...],
        *,
        anonymous: bool = True,
    ) -> None:
        self._verifier = verifier
        self._static = static_tokens
        self._clock = clock
        self._audiences = audiences
        self._anonymous = anonymous
        self._verified: OrderedDict[str, tuple[User, float]] = OrderedDict()

    def identify(self, request: Request) -> User:
        """The user of a request, ANONYMOUS without credentials. Bad credentials: ApiError 401."""
        peer = request.peer
        preset = peer.state.get("user")
        if preset is not None:
            user: User = preset
            return user
        if peer.certificate is not None:
            found = self._from_certificate(peer)
            if found is not None:
                return found
        kind, _, token = request.headers.get("authorization", "").strip().partition(" ")
        token = token.strip()
        if token and kind.lower() == "bearer":
            return self.from_token(token)
        if peer.certificate is not None or not self._anonymous:
            raise errors.unauthorized()
        return ANONYMOUS

    def _from_certificate(self, peer: Peer) -> User | None:
        """None when the certificate names no one, or not now: a token may still."""
        known = peer.state.get("x509")
        if known is None and peer.certificate is not None:
            try:
                known = x509.read(peer.certificate)
            except errors.ApiError:
                known = x509.CertificateUser(ANONYMOUS, 0, 0)
            peer.state["x509"] = known
        if known is None or not known.not_before <= self._clock.time() <= known.not_after:
            return None
        user: User = known.user
        return user

    def from_token(self, token: str) -> User:
        """The user a bearer token stands for. Raises ApiError 401."""
        static = self._static.get(token)
        if static is not None:
            return static
        now = self._clock.time()
        kept = self._verified.get(token)
        if kept is not None and now < kept[1]:
            return kept[0]
        user, _ = self.review(token, self._audiences)
        self._verified[token] = (user, now + TOKEN_TTL)
        self._verified.move_to_end(token)
        if len(self._verified) > KEPT:
            self._verified.popitem(last=False)
        return user

    def review(self, token: str, audiences: tuple[str, ...]) -> tuple[User, tuple[str, ...]]:
        """As TokenReview asks: the user, and the audiences the token serves. Raises ApiError 401."""
        static = self._static.get(token)
        if static is not None:
            return static, tuple(a for a in audiences if a in self._audiences)
        try:
            if token.count(".") != 2:
                raise Refused("neither a known token nor a JWT")
            return self._verifier.verify(token, audiences)
        except Refused as refused:
            log.info("Unable to authenticate the request: %s", refused.why)
            raise errors.unauthorized() from refused
