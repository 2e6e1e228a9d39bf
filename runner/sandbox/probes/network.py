"""Attempts to speak to anybody but the runner."""

from __future__ import annotations

from typing import Any

from runner.sandbox.probes.probe import Probe, Weaker
from runner.sandbox.probes.reaching import reaches


def connect_by_tcp() -> Any:
    import socket

    with socket.socket() as sender:
        sender.settimeout(1)
        try:
            sender.connect(("127.0.0.1", 1))
        except ConnectionRefusedError:
            return "the network answers that nobody listens"
        return True


def send_by_udp() -> Any:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"x", ("127.0.0.1", 9))


def listen_by_tcp() -> Any:
    import socket

    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        listener.listen()
        return listener.getsockname()[1]


def make_an_internet_socket() -> Any:
    return reaches("socket", 2, 1, 0)


def make_an_internet_socket_of_version_6() -> Any:
    return reaches("socket", 10, 1, 0)


def make_a_raw_socket() -> Any:
    import socket

    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP):
        return True


def make_a_packet_socket() -> Any:
    import socket

    with socket.socket(socket.AF_PACKET, socket.SOCK_RAW):
        return True


def connect_to_a_socket_in_a_folder() -> Any:
    import socket

    with socket.socket(socket.AF_UNIX) as sender:
        try:
            sender.connect("/robotrader-probe")
        except FileNotFoundError:
            return "the kernel looked for it"
        return True


def connect_to_a_socket_without_a_file() -> Any:
    import socket

    with socket.socket(socket.AF_UNIX) as sender:
        try:
            sender.connect("\0robotrader-probe")
        except ConnectionRefusedError:
            return "the kernel looked for it"
        return True


def listen_at_a_socket_without_a_file() -> Any:
    import os
    import socket

    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(f"\0robotrader-probe-{os.getpid()}")
        listener.listen()
        return True


def ask_the_kernel_by_netlink() -> Any:
    import socket

    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as asking:
        asking.bind((0, 0))
        return True


def make_a_socket_to_the_hypervisor() -> Any:
    vsock = 40
    return reaches("socket", vsock, 1, 0)


def make_a_socket_of_the_kernels_ciphers() -> Any:
    alg, seqpacket = 38, 5
    return reaches("socket", alg, seqpacket, 0)


def make_a_bluetooth_socket() -> Any:
    bluetooth, raw = 31, 3
    return reaches("socket", bluetooth, raw, 1)


def make_a_pair_of_sockets() -> Any:
    import socket

    for end in socket.socketpair():
        end.close()
    return True


def make_a_pipe() -> Any:
    import os

    for end in os.pipe():
        os.close(end)
    return True


def look_up_a_name() -> Any:
    import socket

    return socket.getaddrinfo("localhost", 80)


def list_the_networks() -> Any:
    import socket

    return [name for _, name in socket.if_nameindex() if name]


def send_a_descriptor() -> Any:
    return reaches("sendmsg", 3, None, 0)


def receive_a_descriptor() -> Any:
    return reaches("recvmsg", 3, None, 0)


def enlarge_what_its_socket_holds() -> Any:
    import ctypes

    sol_socket, send_buffer = 1, 7
    return reaches("setsockopt", 3, sol_socket, send_buffer, ctypes.byref(ctypes.c_int(4096)), 4)


def ask_who_is_at_its_socket() -> Any:
    import ctypes

    sol_socket, peer_credentials = 1, 17
    size = ctypes.byref(ctypes.c_int(12))
    there = ctypes.create_string_buffer(12)
    return reaches("getsockopt", 3, sol_socket, peer_credentials, there, size)


PROBES = [
    Probe(connect_by_tcp),
    Probe(send_by_udp),
    Probe(listen_by_tcp),
    Probe(make_an_internet_socket, Weaker.NO_SECCOMP),
    Probe(make_an_internet_socket_of_version_6, Weaker.NO_SECCOMP),
    Probe(make_a_raw_socket, Weaker.BARE_AS_ROOT),
    Probe(make_a_packet_socket, Weaker.BARE_AS_ROOT),
    Probe(connect_to_a_socket_in_a_folder, Weaker.NO_SECCOMP),
    Probe(connect_to_a_socket_without_a_file, Weaker.NO_SECCOMP),
    Probe(listen_at_a_socket_without_a_file, Weaker.NO_SECCOMP),
    Probe(ask_the_kernel_by_netlink, Weaker.NO_SECCOMP),
    Probe(make_a_socket_to_the_hypervisor, Weaker.NO_SECCOMP),
    Probe(make_a_socket_of_the_kernels_ciphers, Weaker.NO_SECCOMP),
    Probe(make_a_bluetooth_socket, Weaker.NO_SECCOMP),
    Probe(make_a_pair_of_sockets, Weaker.NO_SECCOMP),
    Probe(make_a_pipe, Weaker.NO_SECCOMP),
    Probe(look_up_a_name),
    Probe(list_the_networks, Weaker.NO_SECCOMP),
    Probe(send_a_descriptor, Weaker.NO_SECCOMP),
    Probe(receive_a_descriptor, Weaker.NO_SECCOMP),
    Probe(enlarge_what_its_socket_holds, Weaker.NO_SECCOMP),
    Probe(ask_who_is_at_its_socket, Weaker.NO_SECCOMP),
]
