"""A steady load from kazoo that runs while servers are killed and replaced, and writes down what it was promised.

Arguments: the connection string, and the journal to write: one JSON object a line, its "kind" one of

    session    a client has its session: client, session, timeout
    state      kazoo told of a change: client, state (CONNECTED, SUSPENDED, LOST), session
    created    a create was acknowledged: client, path, data, zxid
    set        a set was acknowledged: client, path, data, version, zxid
    deleted    a delete was acknowledged: client, path
    unknown    the connection ended before an answer: client, op, and path or data
    violation  what a client saw must not be: client, what

Reads commands from stdin. "pause" answers "quiet" once no request is on its way, "resume" goes on, "finish"
checks what each client was left with, closes the sessions and answers "done". Prints "ready" once every client
has written.
"""

import json
import sys
import threading
import time
import traceback

from kazoo.client import KazooClient
from kazoo.exceptions import ConnectionClosedError, ConnectionLoss, OperationTimeoutError, SessionExpiredError
from kazoo.protocol.states import KazooState
from kazoo.recipe.watchers import DataWatch
from kazoo.retry import KazooRetry

HOSTS, JOURNAL = sys.argv[1:3]
WRITERS = 3
SESSION_TIMEOUT_S = 12.0
# A pace that leaves the processors to the servers.
PAUSE_S = 0.004
BURST = 6

LOST = (ConnectionLoss, ConnectionClosedError, OperationTimeoutError, SessionExpiredError)


class Journal:
    def __init__(self, path):
        self.file = open(path, "w", buffering=1)
        self.lock = threading.Lock()

    def note(self, kind, client, **fields):
        line = json.dumps(dict(fields, kind=kind, client=client, t=round(time.time() * 1000)))
        with self.lock:
            self.file.write(line + "\n")


class Writer(threading.Thread):
    """One session. Only it writes below its directory, so it knows what every read there must give."""

    def __init__(self, number, journal):
        threading.Thread.__init__(self, daemon=True)
        self.name = "w%d" % number
        self.neighbour = "w%d" % ((number + 1) % WRITERS)
        self.journal = journal
        self.root = "/load/" + self.name
        self.go = threading.Event()
        self.idle = threading.Event()
        self.wrote = threading.Event()
        self.stopping = False
        self.round = 0
        self.counter = 0
        self.items = []
        self.neighbour_seen = -1
        self.watch_seen = -1
        self.client = KazooClient(
            hosts=HOSTS,
            timeout=SESSION_TIMEOUT_S,
            connection_retry=KazooRetry(max_tries=-1, delay=0.05, backoff=1, max_delay=0.3),
            command_retry=KazooRetry(max_tries=0),
        )

    def open(self):
        self.client.start(timeout=60)
        self.session = self.client.client_id[0]
        self.note("session", session="0x%x" % self.session, timeout=SESSION_TIMEOUT_S)
        self.client.add_listener(self.on_state)

    def on_state(self, state):
        session = self.client.client_id[0] if self.client.client_id else 0
        self.note("state", state=state, session="0x%x" % session)
        if state == KazooState.LOST and not self.stopping:
            self.violation("lost its session")
        if state == KazooState.CONNECTED and session != self.session:
            self.violation("came back as another session, 0x%x after 0x%x" % (session, self.session))

    def note(self, kind, **fields):
        self.journal.note(kind, self.name, **fields)

    def violation(self, what):
        self.note("violation", what=what)

    def again(self, act):
        """Does something harmless until it has an answer."""
        while True:
            try:
                return act()
            except LOST:
                time.sleep(0.02)

    def prepare(self):
        client = self.client
        client.ensure_path("/load/alive")
        client.create(self.root)
        client.create(self.root + "/burst")
        client.create(self.root + "/counter", b"0")
        client.create("/load/alive/" + self.name, self.name.encode(), ephemeral=True)

    def watch(self):
        DataWatch(self.client, "/load/%s/counter" % self.neighbour, self.on_data)

    def on_data(self, data, stat):
        if stat is None:
            self.violation("a watch says that the counter of %s is gone" % self.neighbour)
        elif stat.version < self.watch_seen:
            self.violation("a watch saw version %d after %d" % (stat.version, self.watch_seen))
        else:
            self.watch_seen = stat.version

    def run(self):
        while True:
            self.idle.set()
            self.go.wait()
            if self.stopping:
                return
            self.idle.clear()
            try:
                self.turn()
                self.wrote.set()
            except Exception:
                self.violation(traceback.format_exc(limit=3))
            time.sleep(PAUSE_S)

    def turn(self):
        self.round += 1
        self.create_item()
        self.raise_counter()
        self.read()
        if self.round % 4 == 0:
            self.burst()
        if self.round % 3 == 0:
            self.delete_item()

    def create_item(self):
        data = "%s-%d" % (self.name, self.round)
        try:
            path, stat = self.client.create(
                self.root + "/item-", data.encode(), sequence=True, include_data=True
            )
        except LOST:
            return self.note("unknown", op="create", data=data)
        if self.items and path <= self.items[-1]:
            self.violation("%s was named after %s" % (path, self.items[-1]))
        self.items.append(path)
        self.note("created", path=path, data=data, zxid=stat.czxid)

    def raise_counter(self):
        path = self.root + "/counter"
        wanted = str(self.counter + 1)
        try:
            stat = self.client.set(path, wanted.encode(), version=self.counter)
        except LOST:
            self.note("unknown", op="set", path=path, data=wanted)
            # A write of the same session comes behind it or shuts it out; a sync at the leader does neither.
            self.again(lambda: self.client.set(self.root, b"barrier"))
            data, stat = self.again(lambda: self.client.get(path))
            if data.decode() != str(stat.version) or stat.version not in (self.counter, self.counter + 1):
                self.violation("the counter was %d and is %r in version %d" % (self.counter, data, stat.version))
            self.counter = stat.version
            return
        self.counter += 1
        if stat.version != self.counter:
            self.violation("set number %d answered version %d" % (self.counter, stat.version))
        self.note("set", path=path, data=wanted, version=stat.version, zxid=stat.mzxid)

    def read(self):
        data, stat = self.again(lambda: self.client.get(self.root + "/counter"))
        if stat.version != self.counter or data.decode() != str(self.counter):
            self.violation("read version %d of its own counter after writing %d" % (stat.version, self.counter))
        _, stat = self.again(lambda: self.client.get("/load/%s/counter" % self.neighbour))
        if stat.version < self.neighbour_seen:
            self.violation("a read went back from version %d to %d" % (self.neighbour_seen, stat.version))
        self.neighbour_seen = stat.version

    def burst(self):
        """Several writes under way at once: the acknowledged ones are the first ones, in order."""
        names = ["%s-%d-%d" % (self.name, self.round, i) for i in range(BURST)]
        answers = [
            self.client.create_async(
                self.root + "/burst/b-", name.encode(), sequence=True, include_data=True
            )
            for name in names
        ]
        last = None
        lost = False
        for name, answer in zip(names, answers):
            try:
                path, stat = answer.get()
            except LOST:
                lost = True
                self.note("unknown", op="create", data=name)
                continue
            if lost:
                self.violation("%s was acknowledged after one before it was lost" % path)
            if last is not None and (path <= last[0] or stat.czxid <= last[1]):
                self.violation("%s at 0x%x came after %s at 0x%x" % ((path, stat.czxid) + last))
            last = (path, stat.czxid)
            self.note("created", path=path, data=name, zxid=stat.czxid)

    def delete_item(self):
        if len(self.items) < 3:
            return
        path = self.items.pop(0)
        try:
            self.client.delete(path, version=0)
        except LOST:
            return self.note("unknown", op="delete", path=path)
        self.note("deleted", path=path)

    def last_look(self):
        self.again(lambda: self.client.set(self.root, b"last look"))
        self.read()
        stat = self.again(lambda: self.client.exists("/load/alive/" + self.name))
        if stat is None:
            self.violation("its ephemeral znode is gone")
        elif stat.ephemeralOwner != self.session:
            self.violation("its ephemeral znode belongs to 0x%x" % stat.ephemeralOwner)
        # Nobody writes any more, so the watch must come to the version that a read gives.
        deadline = time.monotonic() + 30
        while self.watch_seen != self.neighbour_seen:
            if time.monotonic() > deadline:
                return self.violation(
                    "its watch stayed at version %d of %d" % (self.watch_seen, self.neighbour_seen)
                )
            time.sleep(0.02)

    def close(self):
        self.stopping = True
        self.go.set()
        self.join()
        self.client.stop()
        self.client.close()


def say(word):
    print(word, flush=True)


def main():
    journal = Journal(JOURNAL)
    writers = [Writer(number, journal) for number in range(WRITERS)]
    for writer in writers:
        writer.open()
    for writer in writers:
        writer.prepare()
    for writer in writers:
        writer.watch()
        writer.start()
    for writer in writers:
        writer.go.set()
    for writer in writers:
        writer.wrote.wait()
    say("ready")
    for line in sys.stdin:
        command = line.strip()
        if command in ("pause", "finish"):
            for writer in writers:
                writer.go.clear()
            for writer in writers:
                writer.idle.wait()
        if command == "pause":
            say("quiet")
        elif command == "resume":
            for writer in writers:
                writer.idle.clear()
                writer.go.set()
        elif command == "finish":
            for writer in writers:
                writer.last_look()
            for writer in writers:
                writer.close()
            say("done")
            return


main()
