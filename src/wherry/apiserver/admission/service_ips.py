"""Cluster IPs of Services: which families, which addresses.

Upstream does this in the Service registry's storage; here it is the last mutating plugin, so that
everything a webhook may still change has been said. Addresses come from `--service-cluster-ip-range`;
who has which is read from the Services themselves.

One API server allocates at a time. Several over one store need the IPAddress objects upstream uses.
"""

from __future__ import annotations

import ipaddress
import random
from collections.abc import Callable
from dataclasses import dataclass

from wherry.api import errors
from wherry.api.errors import ApiError
from wherry.api.fieldpath import FieldError, invalid_value
from wherry.api.schema import Obj
from wherry.apiserver.admission.bands import Bands, lower_band
from wherry.apiserver.admission.plugin import Plugin, name_of, the_object
from wherry.apiserver.attributes import Attributes, Reader
from wherry.apiserver.kinds.core.service_validation import cluster_ips, is_headless

Network = ipaddress.IPv4Network | ipaddress.IPv6Network
_LARGEST = 1 << 16
_OTHER = {"IPv4": "IPv6", "IPv6": "IPv4"}
_DUAL = ("PreferDualStack", "RequireDualStack")


@dataclass(frozen=True, slots=True)
class _Range:
    """Usable addresses: not the network's own, nor an IPv4 network's broadcast address."""

    network: Network
    bands: Bands

    def number(self, address: str) -> int | None:
        """Counted from the first usable one; None when it is not in the range."""
        try:
            number = int(ipaddress.ip_address(address)) - int(self.network.network_address) - 1
        except ValueError:
            return None
        return number if 0 <= number < self.bands.size else None

    def address(self, number: int) -> str:
        return str(self.network.network_address + 1 + number)


class ServiceClusterIPs(Plugin):
    name = "ServiceClusterIPs"
    resources = ("services",)
    operations = ("CREATE", "UPDATE")

    def __init__(self, reader: Reader, rng: random.Random, ranges: tuple[str, ...]) -> None:
        self._reader = reader
        self._known = False
        self._ranges: dict[str, _Range] = {}
        for text in ranges:
            network = ipaddress.ip_network(text, strict=False)
            size = min(network.num_addresses - (2 if network.version == 4 else 1), _LARGEST << 8)
            family = f"IPv{network.version}"
            bands = Bands(size, lower_band(size, 16, 16, 256), rng, self._holder(family))
            self._ranges[family] = _Range(network, bands)
        self._first = next(iter(self._ranges))

    def _holder(self, family: str) -> Callable[[str, int], bool]:
        def holds(owner: str, number: int) -> bool:
            namespace, _, name = owner.partition("/")
            service = self._reader.get("services", name, namespace)
            if service is None:
                return False
            address = self._ranges[family].address(number)
            return address in (service["spec"].get("clusterIPs") or ())

        return holds

    async def admit(self, attributes: Attributes) -> Callable[[bool], None] | None:
        service = the_object(attributes)
        spec, before = service["spec"], ((attributes.old or {}).get("spec") or {})
        if attributes.operation == "UPDATE":
            _carry_over(spec, before)
        elif spec.get("clusterIP") and not spec.get("clusterIPs"):
            spec["clusterIPs"] = [spec["clusterIP"]]
        self._families(attributes, spec)
        if spec.get("type") == "ExternalName" or is_headless(spec):
            return None
        return self._allocate(attributes, service, before)

    # -- families

    def _families(self, attributes: Attributes, spec: Obj) -> None:
        if spec.get("type") == "ExternalName":
            return
        found: list[FieldError] = []
        cluster_ips(spec, found)
        if found:
            raise _invalid(attributes, found)
        families = list(spec.get("ipFamilies") or ())
        addresses = [a for a in spec.get("clusterIPs") or () if a != "None"]
        families += ["IPv6" if ":" in address else "IPv4" for address in addresses[len(families) :]]
        if is_headless(spec) and not spec.get("selector"):
            self._families_without_selector(spec, families)
            return
        policy = spec.get("ipFamilyPolicy") or "SingleStack"
        spec["ipFamilyPolicy"] = policy
        if problems := self._family_problems(spec, policy, families, addresses):
            raise _invalid(attributes, problems)
        if not families:
            families.append(self._first)
        if policy in _DUAL and len(families) == 1 and len(self._ranges) > 1:
            families.append(_OTHER[families[0]])
        spec["ipFamilies"] = families

    def _families_without_selector(self, spec: Obj, families: list[str]) -> None:
        """Nobody allocates for them and nobody but the user knows the endpoints: anything goes."""
        policy = spec.setdefault("ipFamilyPolicy", "RequireDualStack")
        if not families:
            families.append(self._first)
        if policy in _DUAL and len(families) == 1:
            families.append(_OTHER[families[0]])
        spec["ipFamilies"] = families

    def _family_problems(
        self, spec: Obj, policy: str, families: list[str], addresses: list[str]
    ) -> list[FieldError]:
        out: list[FieldError] = []
        path = "spec.ipFamilyPolicy"
        needed = "must be 'RequireDualStack' or 'PreferDualStack' when multiple {} are specified"
        if policy == "SingleStack":
            if len(addresses) > 1:
                out.append(invalid_value(path, policy, needed.format("cluster IPs")))
            elif len(families) > 1:
                out.append(invalid_value(path, policy, needed.format("IP families")))
        if policy == "RequireDualStack" and len(self._ranges) < 2:
            out.append(invalid_value(path, policy, "this cluster is not configured for dual-stack services"))
        for i, family in enumerate(families):
            if family in self._ranges:
                continue
            if i < len(addresses):
                message = f"{family} is not configured on this cluster"
                out.append(invalid_value(f"spec.clusterIPs[{i}]", addresses, message))
            elif not (policy == "SingleStack" and len(families) > 1):
                out.append(invalid_value(f"spec.ipFamilies[{i}]", family, "not configured on this cluster"))
        return out

    # -- addresses

    def _allocate(self, attributes: Attributes, service: Obj, before: Obj) -> Callable[[bool], None] | None:
        self._learn_once()
        spec = service["spec"]
        wanted = list(spec.get("clusterIPs") or ())
        kept = set(before.get("clusterIPs") or ()) if before.get("type") != "ExternalName" else set()
        taken: list[tuple[Bands, int]] = []

        def settle(stored: bool) -> None:
            # By now a generated name is there too.
            owner = f"{attributes.info.namespace}/{service['metadata'].get('name', '')}" if stored else ""
            for bands, number in taken:
                bands.settle((number,), owner)

        try:
            for i, family in enumerate(spec["ipFamilies"]):
                range_ = self._ranges[family]
                if i < len(wanted) and (wanted[i] in kept or (kept and i == 0)):
                    continue  # another first address is for validation to refuse
                if i < len(wanted):
                    number = self._take(attributes, range_, wanted[i], wanted)
                else:
                    number = self._take_any(range_)
                    wanted.append(range_.address(number))
                taken.append((range_.bands, number))
        except ApiError:
            settle(False)
            raise
        spec["clusterIP"], spec["clusterIPs"] = wanted[0], wanted
        if not taken:
            return None
        if attributes.dry_run:
            settle(False)
            return None
        return settle

    def _take(self, attributes: Attributes, range_: _Range, address: str, all_: list[str]) -> int:
        number = range_.number(address)
        failed = f"failed to allocate IP {address}: "
        if number is None:
            limits = f"The range of valid IPs is {range_.network}"
            why = f"the provided IP ({address}) is not in the valid range. {limits}"
        elif range_.bands.take(number):
            return number
        else:
            why = "provided IP is already allocated"
        raise _invalid(attributes, [invalid_value("spec.clusterIPs", all_, failed + why)])

    def _take_any(self, range_: _Range) -> int:
        number = range_.bands.take_any()
        if number is None:
            raise errors.internal("failed to allocate a serviceIP: range is full")
        return number

    def _learn_once(self) -> None:
        """What was there when this server started; later allocations go through here."""
        if self._known:
            return
        self._known = True
        for service in self._reader.list("services"):
            metadata = service["metadata"]
            owner = f"{metadata.get('namespace', '')}/{metadata.get('name', '')}"
            for address in service["spec"].get("clusterIPs") or ():
                for range_ in self._ranges.values():
                    if (number := range_.number(address)) is not None:
                        range_.bands.learn(owner, (number,))


def _invalid(attributes: Attributes, found: list[FieldError]) -> ApiError:
    return errors.invalid("", "Service", name_of(attributes), found)


def _carry_over(spec: Obj, before: Obj) -> None:
    """What an update leaves out stays (normalizeClusterIPs, patchAllocatedValues)."""
    was, now = before.get("clusterIPs") or [], spec.get("clusterIPs") or []
    first, first_was = spec.get("clusterIP", ""), before.get("clusterIP", "")
    if first != first_was and now == was:
        spec["clusterIPs"] = [first] if first else []
    elif first and not now:
        spec["clusterIPs"] = [first]
    named = "ExternalName"
    if spec.get("type") == named:
        if before.get("type") != named:
            for field in ("clusterIP", "clusterIPs", "ipFamilies", "ipFamilyPolicy"):
                if spec.get(field) == before.get(field):
                    spec.pop(field, None)
    elif before.get("type") != named and not spec.get("clusterIP") and not spec.get("clusterIPs"):
        for field in ("clusterIP", "clusterIPs"):
            if before.get(field):
                spec[field] = before[field]
        if not spec.get("ipFamilies") and before.get("ipFamilies"):
            spec["ipFamilies"] = list(before["ipFamilies"])
    for field in ("clusterIP", "clusterIPs"):
        if not spec.get(field):
            spec.pop(field, None)
    _release_second(spec, before)


def _release_second(spec: Obj, before: Obj) -> None:
    """Going back to one family lets go of the second address and family where they were not touched."""
    if spec.get("ipFamilyPolicy") != "SingleStack" or before.get("ipFamilyPolicy") == "SingleStack":
        return
    for field in ("clusterIPs", "ipFamilies"):
        if len(spec.get(field) or ()) > 1 and spec[field] == before.get(field):
            spec[field] = spec[field][:1]
