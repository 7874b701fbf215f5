"""Between our values (`wherry.cri.types`) and CRI v1 messages. Pure, apart from needing protobuf:
import it only where a runtime is really spoken to."""

from __future__ import annotations

from typing import Any

from cri_api.v1 import api_pb2 as pb

from wherry.cri.types import (
    Auth,
    Container,
    ContainerConfig,
    ContainerState,
    ContainerStatus,
    ContainerUsage,
    Dns,
    Image,
    Mount,
    Namespaces,
    Resources,
    Sandbox,
    SandboxConfig,
    Seccomp,
    Security,
)

_NANO = 1e-9
_MODES = {"pod": pb.POD, "container": pb.CONTAINER, "node": pb.NODE, "target": pb.TARGET}
_PROPAGATION = {
    "private": pb.PROPAGATION_PRIVATE,
    "host-to-container": pb.PROPAGATION_HOST_TO_CONTAINER,
    "bidirectional": pb.PROPAGATION_BIDIRECTIONAL,
}
_STATES: dict[int, ContainerState] = {
    pb.CONTAINER_CREATED: "created",
    pb.CONTAINER_RUNNING: "running",
    pb.CONTAINER_EXITED: "exited",
    pb.CONTAINER_UNKNOWN: "unknown",
}


def sandbox_config(config: SandboxConfig) -> Any:
    security = config.security
    linux = pb.LinuxPodSandboxConfig(
        cgroup_parent=config.cgroup_parent,
        sysctls=dict(config.sysctls),
        security_context=pb.LinuxSandboxSecurityContext(
            namespace_options=_namespaces(security.namespaces),
            selinux_options=_selinux(security),
            run_as_user=_int64(security.run_as_user),
            run_as_group=_int64(security.run_as_group),
            readonly_rootfs=security.readonly_rootfs,
            supplemental_groups=security.supplemental_groups,
            supplemental_groups_policy=_group_policy(security),
            privileged=security.privileged,
            seccomp=_seccomp(security.seccomp),
        ),
    )
    message = pb.PodSandboxConfig(
        metadata=pb.PodSandboxMetadata(
            name=config.name, namespace=config.namespace, uid=config.uid, attempt=config.attempt
        ),
        hostname=config.hostname,
        log_directory=config.log_directory,
        port_mappings=[
            pb.PortMapping(
                protocol=pb.Protocol.Value(p.protocol),
                container_port=p.container_port,
                host_port=p.host_port,
                host_ip=p.host_ip,
            )
            for p in config.port_mappings
        ],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        linux=linux,
    )
    if config.dns is not None:
        message.dns_config.CopyFrom(_dns(config.dns))
    return message


def container_config(config: ContainerConfig) -> Any:
    security = config.security
    linux = pb.LinuxContainerConfig(
        resources=resources(config.resources),
        security_context=pb.LinuxContainerSecurityContext(
            capabilities=pb.Capability(
                add_capabilities=security.add_capabilities, drop_capabilities=security.drop_capabilities
            ),
            privileged=security.privileged,
            namespace_options=_namespaces(security.namespaces),
            selinux_options=_selinux(security),
            run_as_user=_int64(security.run_as_user),
            run_as_group=_int64(security.run_as_group),
            readonly_rootfs=security.readonly_rootfs,
            supplemental_groups=security.supplemental_groups,
            supplemental_groups_policy=_group_policy(security),
            no_new_privs=security.no_new_privs,
            masked_paths=security.masked_paths,
            readonly_paths=security.readonly_paths,
            seccomp=_seccomp(security.seccomp),
        ),
    )
    return pb.ContainerConfig(
        metadata=pb.ContainerMetadata(name=config.name, attempt=config.attempt),
        image=pb.ImageSpec(image=config.image, user_specified_image=config.user_image),
        command=config.command,
        args=config.args,
        working_dir=config.working_dir,
        envs=[pb.KeyValue(key=key, value=value) for key, value in config.env],
        mounts=[_mount(mount) for mount in config.mounts],
        devices=[
            pb.Device(container_path=d.container_path, host_path=d.host_path, permissions=d.permissions)
            for d in config.devices
        ],
        labels=dict(config.labels),
        annotations=dict(config.annotations),
        log_path=config.log_path,
        stdin=config.stdin,
        stdin_once=config.stdin_once,
        tty=config.tty,
        linux=linux,
        stop_signal=pb.Signal.Value(config.stop_signal or "RUNTIME_DEFAULT"),
    )


def resources(value: Resources) -> Any:
    return pb.LinuxContainerResources(
        cpu_period=value.cpu_period,
        cpu_quota=value.cpu_quota,
        cpu_shares=value.cpu_shares,
        memory_limit_in_bytes=value.memory_limit,
        oom_score_adj=value.oom_score_adj,
        cpuset_cpus=value.cpuset_cpus,
        cpuset_mems=value.cpuset_mems,
    )


def auth(value: Auth) -> Any:
    return pb.AuthConfig(
        username=value.username,
        password=value.password,
        auth=value.auth,
        server_address=value.server_address,
        identity_token=value.identity_token,
        registry_token=value.registry_token,
    )


def sandbox(message: Any) -> Sandbox:
    """From PodSandbox (a listing) or PodSandboxStatus."""
    status = hasattr(message, "network")
    ips: tuple[str, ...] = ()
    host_network = False
    if status:
        ips = tuple(ip for ip in (message.network.ip, *(a.ip for a in message.network.additional_ips)) if ip)
        host_network = message.linux.namespaces.options.network == pb.NODE
    return Sandbox(
        id=message.id,
        name=message.metadata.name,
        namespace=message.metadata.namespace,
        uid=message.metadata.uid,
        attempt=message.metadata.attempt,
        state="ready" if message.state == pb.SANDBOX_READY else "notready",
        created_at=message.created_at * _NANO,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        ips=ips,
        host_network=host_network,
    )


def container(message: Any) -> Container:
    return Container(
        id=message.id,
        sandbox_id=message.pod_sandbox_id,
        name=message.metadata.name,
        attempt=message.metadata.attempt,
        state=_STATES[message.state],
        created_at=message.created_at * _NANO,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
    )


def container_status(message: Any) -> ContainerStatus:
    user = None
    if message.user.HasField("linux"):
        linux = message.user.linux
        user = (linux.uid, linux.gid, tuple(linux.supplemental_groups))
    return ContainerStatus(
        id=message.id,
        name=message.metadata.name,
        attempt=message.metadata.attempt,
        state=_STATES[message.state],
        created_at=message.created_at * _NANO,
        started_at=message.started_at * _NANO,
        finished_at=message.finished_at * _NANO,
        exit_code=message.exit_code,
        reason=message.reason,
        message=message.message,
        image=message.image.image,
        image_ref=message.image_ref,
        labels=dict(message.labels),
        annotations=dict(message.annotations),
        log_path=message.log_path,
        user=user,
    )


def image(message: Any) -> Image:
    return Image(
        id=message.id,
        tags=tuple(message.repo_tags),
        digests=tuple(message.repo_digests),
        size=message.size,
        uid=message.uid.value if message.HasField("uid") else None,
        username=message.username,
        pinned=message.pinned,
    )


def usage(message: Any) -> ContainerUsage:
    return ContainerUsage(
        id=message.attributes.id,
        name=message.attributes.metadata.name,
        labels=dict(message.attributes.labels),
        time=message.cpu.timestamp * _NANO,
        cpu_nanoseconds=message.cpu.usage_core_nano_seconds.value,
        memory_usage=message.memory.usage_bytes.value,
        memory_working_set=message.memory.working_set_bytes.value,
        memory_rss=message.memory.rss_bytes.value,
        rootfs_used=message.writable_layer.used_bytes.value,
        rootfs_inodes=message.writable_layer.inodes_used.value,
    )


def _namespaces(value: Namespaces) -> Any:
    return pb.NamespaceOption(
        network=_MODES[value.network],
        pid=_MODES[value.pid],
        ipc=_MODES[value.ipc],
        target_id=value.target_id,
    )


def _mount(value: Mount) -> Any:
    return pb.Mount(
        container_path=value.container_path,
        host_path=value.host_path,
        readonly=value.readonly,
        propagation=_PROPAGATION[value.propagation],
    )


def _dns(value: Dns) -> Any:
    return pb.DNSConfig(servers=value.servers, searches=value.searches, options=value.options)


def _seccomp(value: Seccomp) -> Any:
    profile_type = pb.SecurityProfile.ProfileType.Value(value.type)
    return pb.SecurityProfile(profile_type=profile_type, localhost_ref=value.localhost_ref)


def _selinux(security: Security) -> Any:
    return pb.SELinuxOption(**security.selinux) if security.selinux else None


def _group_policy(security: Security) -> Any:
    return pb.SupplementalGroupsPolicy.Strict if security.strict_groups else pb.SupplementalGroupsPolicy.Merge


def _int64(value: int | None) -> Any:
    return None if value is None else pb.Int64Value(value=value)
