"""Drives a server with kazoo, each check below a chroot of its own.

Arguments: host:port, and optionally a part of the names of the checks to run. Prints "ok NAME" or
"FAIL NAME: why" for each, then "done".
"""

import logging
import os
import socket
import sys
import threading
import time
import traceback
import uuid

from kazoo.client import KazooClient, KazooState
from kazoo.exceptions import (
    BadVersionError,
    NoAuthError,
    NodeExistsError,
    NoNodeError,
    NotEmptyError,
    RolledBackError,
)
from kazoo.retry import KazooRetry
from kazoo.security import make_digest_acl

ADDRESS = sys.argv[1]
CHECKS = []


def check(name):
    def add(function):
        CHECKS.append((name, function))
        return function

    return add


def equal(expected, actual):
    if expected != actual:
        raise AssertionError("expected %r, got %r" % (expected, actual))


def eventually(what, condition, limit=30.0):
    """Waits until something holds; the limit is one that only a broken server reaches."""
    deadline = time.monotonic() + limit
    while not condition():
        if time.monotonic() > deadline:
            raise AssertionError("never came: " + what)
        time.sleep(0.01)


class Clients:
    """Clients of one check, all on the same fresh chroot, stopped at its end."""

    def __init__(self):
        self.root = "/kazoo-" + uuid.uuid4().hex[:12]
        self.clients = []
        self.new(chroot="").create(self.root)

    def new(self, address=ADDRESS, chroot=None, **options):
        options.setdefault("timeout", 8.0)
        root = self.root if chroot is None else chroot
        client = KazooClient(hosts=address + root, **options)
        client.start(timeout=30)
        self.clients.append(client)
        return client

    def stop(self):
        for client in self.clients:
            client.stop()
            client.close()


class Proxy:
    """A TCP relay that can cut its connections and refuse new ones."""

    def __init__(self):
        host, port = ADDRESS.rsplit(":", 1)
        self.target = (host, int(port))
        self.up = True
        self.sockets = set()
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.address = "127.0.0.1:%d" % self.listener.getsockname()[1]
        self._start(self._accept)

    def cut(self):
        self.up = False
        for one in list(self.sockets):
            self._close(one)

    def heal(self):
        self.up = True

    def _accept(self):
        while True:
            client, _ = self.listener.accept()
            if not self.up:
                client.close()
                continue
            server = socket.create_connection(self.target)
            self.sockets.update((client, server))
            self._start(self._pump, client, server)
            self._start(self._pump, server, client)

    def _pump(self, source, sink):
        try:
            while True:
                data = source.recv(65536)
                if not data:
                    break
                sink.sendall(data)
        except OSError:
            pass
        finally:
            self._close(source)
            self._close(sink)

    def _close(self, one):
        self.sockets.discard(one)
        try:
            one.shutdown(socket.SHUT_RDWR)
        except OSError:
            pass
        one.close()

    @staticmethod
    def _start(target, *args):
        threading.Thread(target=target, args=args, daemon=True).start()


@check("znodes are created, read, changed and deleted")
def basics(clients):
    zk = clients.new()
    equal("/a", zk.create("/a", b"0"))
    data, stat = zk.get("/a")
    equal((b"0", 0), (data, stat.version))
    equal(1, zk.set("/a", b"1", version=0).version)
    equal("/a/b/c", zk.create("/a/b/c", b"x", makepath=True))
    equal("/q-0000000001", zk.create("/q-", sequence=True))
    path, stat = zk.create("/e", b"five5", ephemeral=True, include_data=True)
    equal(("/e", zk.client_id[0], 5), (path, stat.ephemeralOwner, stat.data_length))
    equal(["a", "e", "q-0000000001"], sorted(zk.get_children("/")))
    children, stat = zk.get_children("/", include_data=True)
    equal(3, stat.children_count)
    for error, act in (
        (BadVersionError, lambda: zk.set("/a", b"", version=9)),
        (NodeExistsError, lambda: zk.create("/a")),
        (NoNodeError, lambda: zk.get("/x")),
        (NotEmptyError, lambda: zk.delete("/a")),
    ):
        try:
            act()
        except error:
            continue
        raise AssertionError("no " + error.__name__)
    zk.delete("/a", recursive=True)
    equal(None, zk.exists("/a"))
    equal("/", zk.sync("/"))


@check("watches fire once and watchers stay")
def watches(clients):
    zk, other = clients.new(), clients.new()
    seen = []
    zk.exists("/a", watch=lambda event: seen.append((event.type, event.path)))
    zk.get_children("/", watch=lambda event: seen.append((event.type, event.path)))
    other.create("/a", b"0")
    eventually("two events", lambda: len(seen) == 2)
    equal([("CHILD", "/"), ("CREATED", "/a")], sorted(seen))
    datas, lists = [], []
    zk.DataWatch("/a", lambda data, stat: datas.append(data))
    zk.ChildrenWatch("/", lambda children: lists.append(sorted(children)))
    equal(([b"0"], [["a"]]), (datas, lists))
    for value in (b"1", b"2"):
        other.set("/a", value)
        eventually("the data %r" % value, lambda: datas[-1] == value)
    other.create("/b")
    eventually("the child", lambda: lists[-1] == ["a", "b"])
    other.delete("/a")
    eventually("the end", lambda: datas[-1] is None and lists[-1] == ["b"])


@check("a transaction is all or nothing")
def transactions(clients):
    zk = clients.new()
    with zk.transaction() as transaction:
        transaction.create("/a", b"0")
        transaction.set_data("/a", b"1", version=0)
        transaction.check("/a", version=1)
        transaction.create("/a/s-", sequence=True, ephemeral=True)
    equal(b"1", zk.get("/a")[0])
    equal(["s-0000000000"], zk.get_children("/a"))
    refused = zk.transaction()
    refused.create("/b")
    refused.check("/a", version=9)
    refused.delete("/a")
    results = refused.commit()
    equal([RolledBackError, BadVersionError], [type(one) for one in results[:2]])
    equal(None, zk.exists("/b"))


@check("Lock lets one in at a time and passes on when a session ends")
def lock(clients):
    inside, most, entries = [], [], []

    def work(zk, name):
        for _ in range(5):
            with zk.Lock("/lock", name):
                inside.append(name)
                most.append(len(inside))
                entries.append(name)
                inside.remove(name)

    threads = [threading.Thread(target=work, args=(clients.new(), "n%d" % i)) for i in range(3)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    equal((1, 15), (max(most), len(entries)))
    holder, waiter = clients.new(), clients.new()
    equal(True, holder.Lock("/lock", "holder").acquire(timeout=30))
    second = waiter.Lock("/lock", "waiter")
    taken = []
    thread = threading.Thread(target=lambda: taken.append(second.acquire(timeout=30)))
    thread.start()
    eventually("the waiter queues", lambda: len(second.contenders()) == 2)
    holder.stop()
    thread.join(60)
    equal([True], taken)


@check("Election gives everyone their turn")
def election(clients):
    led = []
    threads = []
    for i in range(3):
        zk = clients.new()
        candidate = zk.Election("/election", "c%d" % i)
        threads.append(threading.Thread(target=candidate.run, args=(led.append, "c%d" % i)))
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    equal(["c0", "c1", "c2"], sorted(led))


@check("Counter, Barrier, Party, Queue and Semaphore work")
def recipes(clients):
    zk, other = clients.new(), clients.new()
    counter = zk.Counter("/counter")
    counter += 2
    other_counter = other.Counter("/counter")
    other_counter += 3
    equal(5, counter.value)
    barrier = zk.Barrier("/barrier")
    barrier.create()
    passed = []
    thread = threading.Thread(target=lambda: passed.append(other.Barrier("/barrier").wait(30)))
    thread.start()
    barrier.remove()
    thread.join(60)
    equal([True], passed)
    party = zk.Party("/party", "one")
    party.join()
    equal(["one"], list(other.Party("/party", "two")))
    queue = zk.Queue("/queue")
    for value in (b"1", b"2", b"3"):
        queue.put(value)
    equal([b"1", b"2", b"3"], [other.Queue("/queue").get() for _ in range(3)])
    semaphore = zk.Semaphore("/semaphore", max_leases=1)
    equal(True, semaphore.acquire())
    equal(False, other.Semaphore("/semaphore", max_leases=1).acquire(blocking=False))


@check("digest credentials open what they closed")
def security(clients):
    owner, stranger = clients.new(auth_data=[("digest", "anna:secret")]), clients.new()
    owner.create("/a", b"0", acl=[make_digest_acl("anna", "secret", all=True)])
    try:
        stranger.get("/a")
        raise AssertionError("a stranger may read")
    except NoAuthError:
        pass
    stranger.add_auth("digest", "anna:secret")
    equal(b"0", stranger.get("/a")[0])
    acls, stat = owner.get_acls("/a")
    equal((31, "digest", 0), (acls[0].perms, acls[0].id.scheme, stat.aversion))


@check("a thousand asynchronous calls answer in order")
def pipeline(clients):
    zk = clients.new()
    calls = [zk.create_async("/n-", b"%d" % i, sequence=True) for i in range(1000)]
    equal(["/n-%010d" % i for i in range(1000)], [call.get(timeout=60) for call in calls])
    equal(1000, len(zk.get_children("/")))


@check("a cut connection comes back with session, ephemerals and watches")
def reconnect(clients):
    proxy = Proxy()
    zk, other = clients.new(address=proxy.address, timeout=20.0), clients.new()
    states, datas = [], []
    zk.add_listener(states.append)
    zk.create("/e", ephemeral=True)
    zk.create("/a", b"0")
    zk.DataWatch("/a", lambda data, stat: datas.append(data))
    session = zk.client_id[0]
    proxy.cut()
    eventually("suspended", lambda: KazooState.SUSPENDED in states)
    other.set("/a", b"1")
    proxy.heal()
    retry = KazooRetry(max_tries=-1, max_delay=0.5)
    equal(b"1", retry(zk.get, "/a")[0])
    eventually("the change that was missed", lambda: datas[-1] == b"1")
    equal(session, zk.client_id[0])
    equal(session, other.exists("/e").ephemeralOwner)


@check("a session that is away too long has expired")
def expiry(clients):
    proxy = Proxy()
    zk, other = clients.new(address=proxy.address, timeout=1.0), clients.new()
    states = []
    zk.add_listener(states.append)
    zk.create("/e", ephemeral=True)
    session = zk.client_id[0]
    proxy.cut()
    eventually("the ephemeral goes", lambda: other.exists("/e") is None)
    proxy.heal()
    eventually("lost", lambda: KazooState.LOST in states)
    eventually("a new session", lambda: zk.connected and zk.client_id[0] != session)
    zk.create("/e", ephemeral=True)


@check("server_version and four-letter commands answer")
def words(clients):
    zk = clients.new()
    equal("imok", zk.command(b"ruok"))
    equal(True, zk.server_version() >= (3, 8))
    equal(True, b"Mode: " in zk.command(b"srvr").encode())


def main():
    logging.basicConfig(level=logging.ERROR)
    only = sys.argv[2] if len(sys.argv) > 2 else ""
    for name, function in CHECKS:
        if only not in name:
            continue
        clients = Clients()
        try:
            function(clients)
            print("ok " + name, flush=True)
        except BaseException as problem:
            print("FAIL %s: %s" % (name, " ".join(repr(problem).split())), flush=True)
            traceback.print_exc()
        finally:
            clients.stop()
    print("done", flush=True)
    os._exit(0)


main()
