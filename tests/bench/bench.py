#!/usr/bin/env python3
"""What a request costs: runs the release binaries of the functions as Lambda would, and counts.

    cargo build --release -p functions --bins --examples
    tests/bench/bench.py                      # every function, as a Markdown table
    tests/bench/bench.py --check              # the budgets below; exits 1 when one is broken
    tests/bench/bench.py native-connections-read authorize --rounds 9

Each binary is started against an emulated Lambda Runtime API, gets its event from tests/events, and calls a stub of DynamoDB
and Secrets Manager over TLS that answers what tests/bench/answers.json says, for all functions (`*`) or for one. The stub's
certificate is made here and trusted through AWS_CA_BUNDLE. No MCP server is dialled: the connection's address is one that
the prober refuses, so rotating its credential is refused as well. `floor` is functions/examples/floor.rs: an empty function
on lambda_http, built the same way.

    size, zip       MB of the stripped binary, and of the archive that Lambda downloads
    init, cold      milliseconds from exec to the first request for an event, and to the first answer
    warm            microseconds from an event to its answer, for each later event
    instructions    counted by valgrind: until the function is ready, for its first event, for each later one
    memory          MiB that were resident at most

Times are medians over fresh processes, all functions in turn within each round, so that a busy machine slows all of them
alike. They hold for this machine: no sandbox start, no network, and a good part of `warm` is this emulator. Instructions
hold for every machine, except that valgrind hides the processor's SHA instructions and so overstates what hashing costs.

Needs Linux, Python 3.9, openssl, and valgrind for the instructions. Nothing leaves the machine.
"""

import argparse
import concurrent.futures
import json
import os
import pathlib
import queue
import re
import shutil
import signal
import socket
import ssl
import statistics
import subprocess
import sys
import tempfile
import threading
import time
import zipfile

ROOT = pathlib.Path(__file__).resolve().parents[2]
FLOOR = "floor"
MB, MIB = 10**6, 2**20
# The start is held to a budget, too, so that nothing hides there: it opens the TLS connection that the first event uses.
BUDGETS = {
    "native-connections-read": {"start": 4.5e6, "first": 1e6, "each": 560e3, "zip": 2.5 * MB, "memory": 8 * MIB},
}
PATIENCE = 60  # seconds for anything to happen, also under valgrind


def serve(answer, wrap=lambda connection: connection):
    """Answers requests on a free port of this machine, in a thread for each connection. Returns the listener."""
    listener = socket.create_server(("127.0.0.1", 0))

    def connection(sock):
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        try:
            with wrap(sock) as sock, sock.makefile("rb") as stream:
                while request := read_request(stream):
                    sock.sendall(answer(*request))
        except (OSError, queue.Empty):
            pass  # the function has gone

    def accept():
        try:
            while True:
                threading.Thread(target=connection, args=listener.accept()[:1], daemon=True).start()
        except OSError:
            pass  # closed

    threading.Thread(target=accept, daemon=True).start()
    return listener


def read_request(stream):
    """Path, headers and body of a request; None when the peer has hung up."""
    line = stream.readline().decode("latin-1")
    if not line:
        return None
    headers = {}
    for header in iter(stream.readline, b"\r\n"):
        name, _, value = header.decode("latin-1").partition(":")
        headers[name.lower()] = value.strip()
    body = b""
    if headers.get("transfer-encoding") == "chunked":
        while size := int(stream.readline(), 16):
            body += stream.read(size + 2)[:-2]
        stream.readline()
    else:
        body = stream.read(int(headers.get("content-length", 0)))
    return line.split(" ")[1], headers, body


def response(status, body=b"", headers=()):
    lines = [f"HTTP/1.1 {status} OK", f"content-length: {len(body)}", *headers, "", ""]
    return "\r\n".join(lines).encode() + body


def certificates(folder):
    """Makes an authority and a certificate for localhost, both for one day."""

    def openssl(arguments):
        subprocess.run(["openssl", *arguments.split()], cwd=folder, check=True, capture_output=True)

    key = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes"
    (folder / "names").write_text("subjectAltName=DNS:localhost\nextendedKeyUsage=serverAuth\n")
    openssl(f"req -x509 {key} -keyout ca.key -out ca.pem -days 1 -subj /CN=bench")
    openssl(f"req {key} -keyout leaf.key -out leaf.csr -subj /CN=localhost")
    openssl("x509 -req -in leaf.csr -CA ca.pem -CAkey ca.key -CAcreateserial -days 1 -extfile names -out leaf.pem")


def stub(folder, answers):
    """DynamoDB and Secrets Manager for one function: always the same answer to the same operation. Returns its URL."""
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(folder / "leaf.pem", folder / "leaf.key")
    known = {operation: response(200, on_the_wire(answer)) for operation, answer in answers.items()}

    def answer(_path, headers, body):
        operation = headers.get("x-amz-target", "").rpartition(".")[2]
        first_key = re.search(rb'":from":{"S":"(\w+)#', body)
        special = f"{operation} {first_key[1].decode()}" if first_key else operation
        unknown = json.dumps({"__type": "NoAnswer", "message": f"{operation} is not in answers.json"})
        return known.get(special) or known.get(operation) or response(400, unknown.encode())

    listener = serve(answer, lambda sock: context.wrap_socket(sock, server_side=True))
    return f"https://localhost:{listener.getsockname()[1]}"


def on_the_wire(answer):
    """An answer of answers.json as it travels: items are plain JSON there, and typed here."""
    if "Items" in answer:
        items = [typed(item)["M"] for item in answer["Items"]]
        answer = {"Count": len(items), "ScannedCount": len(items), **answer, "Items": items}
    if "Item" in answer:
        answer = {**answer, "Item": typed(answer["Item"])["M"]}
    return json.dumps(answer).encode()


def typed(value):
    if isinstance(value, bool):
        return {"BOOL": value}
    if isinstance(value, int):
        return {"N": str(value)}
    if isinstance(value, str):
        return {"S": value}
    if isinstance(value, list):
        return {"L": [typed(item) for item in value]}
    return {"M": {name: typed(item) for name, item in value.items()}}


class Process:
    """One running function, and the Runtime API that it talks to."""

    def __init__(self, function, wrapper=()):
        self.name, self.expected = function.name, function.expected
        self.ready, self.events, self.answers = queue.Queue(), queue.Queue(), queue.Queue()
        self.listener = serve(self.runtime_api)
        self.log = tempfile.TemporaryFile()
        self.started = time.perf_counter()
        self.child = subprocess.Popen(
            [*wrapper, str(function.path)],
            env={**function.environment, "AWS_LAMBDA_RUNTIME_API": "127.0.0.1:%d" % self.listener.getsockname()[1]},
            stdin=subprocess.DEVNULL,
            stdout=self.log,
            stderr=self.log,
        )

    def runtime_api(self, path, _headers, body):
        if not path.endswith("/invocation/next"):
            self.answers.put((time.perf_counter(), path.endswith("/response"), body))
            return response(202)
        self.ready.put(time.perf_counter())
        event = self.events.get(timeout=PATIENCE)
        head = {
            "lambda-runtime-aws-request-id": "8476a536-e9f4-11e8-9739-2dfe598c3fcd",
            "lambda-runtime-deadline-ms": int((time.time() + 30) * 1000),
            "lambda-runtime-invoked-function-arn": "arn:aws:lambda:eu-central-1:123456789012:function:bench",
            "lambda-runtime-trace-id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700;Parent=9a9197af755a6419;Sampled=0",
        }
        return response(200, event, [f"{name}: {value}" for name, value in head.items()])

    def next(self, things):
        """The next thing in a queue, as long as the process lives."""
        for _ in range(PATIENCE * 10):
            try:
                return things.get(timeout=0.1)
            except queue.Empty:
                if self.child.poll() is not None:
                    break
        self.log.seek(0)
        raise SystemExit(f"{self.name} gives no sign of life; its log ends: {self.log.read()[-500:].decode(errors='replace')}")

    def invoke(self, event):
        """Seconds from an event to its answer. Returns when the function waits for another."""
        sent = time.perf_counter()
        self.events.put(event)
        received, answered, body = self.next(self.answers)
        self.next(self.ready)
        answer = json.loads(body)
        if not answered or answer.get("statusCode", self.expected) != self.expected:
            raise SystemExit(f"{self.name} answered {body[:500].decode(errors='replace')}")
        return received - sent

    def peak_memory(self):
        status = pathlib.Path(f"/proc/{self.child.pid}/status").read_text()
        return int(re.search(r"VmHWM:\s+(\d+) kB", status)[1]) * 1024

    def stop(self, with_signal=signal.SIGKILL):
        self.child.send_signal(with_signal)
        self.child.wait(PATIENCE)
        self.listener.close()
        self.log.close()


class Function:
    """A binary, what it is given, and what was measured of it."""

    def __init__(self, name, path, folder, answers):
        self.name, self.path = name, path
        file = ROOT / f"tests/events/{'openapi' if name == FLOOR else name}.json"
        self.event = json.dumps(json.loads(file.read_text())).encode()
        answers = {**answers["*"], **answers.get(name, {})}
        self.expected = answers.pop("statusCode", 200)
        url = stub(folder, answers)
        self.environment = {
            "AWS_LAMBDA_FUNCTION_NAME": name,
            "AWS_LAMBDA_FUNCTION_VERSION": "$LATEST",
            "AWS_LAMBDA_FUNCTION_MEMORY_SIZE": "128",
            "AWS_REGION": "eu-central-1",
            "AWS_ACCESS_KEY_ID": "ASIAEXAMPLEEXAMPLE00",
            "AWS_SECRET_ACCESS_KEY": "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY",
            # As long as Lambda's: the token is part of what is signed.
            "AWS_SESSION_TOKEN": "IQoJb3JpZ2luX2Vj" * 45,
            "AWS_ENDPOINT_URL_DYNAMODB": url,
            "AWS_ENDPOINT_URL_SECRETS_MANAGER": url,
            "AWS_CA_BUNDLE": str(folder / "ca.pem"),
            "STEWARD_TABLE": "mcp-steward-table",
            "STEWARD_SECRET_PREFIX": "mcp-steward/bench",
            "STEWARD_SIGNING_KEY": "a-signing-key-for-the-benchmark-only",
            "STEWARD_KEY_PEPPER": "a-key-pepper-for-the-benchmark-only",
        }
        self.size = [path.stat().st_size]
        with zipfile.ZipFile(folder / "bootstrap.zip", "w", zipfile.ZIP_DEFLATED, compresslevel=9) as archive:
            archive.write(path, "bootstrap")
        self.zip = [(folder / "bootstrap.zip").stat().st_size]
        self.forget_times()

    def forget_times(self):
        self.init, self.cold, self.warm, self.memory = [], [], [], []

    def time(self, warm):
        """One life: the start, the first event, later ones."""
        process = Process(self)
        try:
            self.init.append(process.next(process.ready) - process.started)
            process.invoke(self.event)
            self.cold.append(time.perf_counter() - process.started)
            self.warm += [process.invoke(self.event) for _ in range(warm)]
            self.memory.append(process.peak_memory())
        finally:
            process.stop()

    def count(self, events, folder):
        """Instructions of a life with so many events."""
        out = folder / f"{self.name}.{events}"
        process = Process(self, ["valgrind", "--quiet", "--tool=callgrind", f"--callgrind-out-file={out}"])
        try:
            process.next(process.ready)
            for _ in range(events):
                process.invoke(self.event)
            time.sleep(0.2)  # it has asked for the next event; let it go to sleep as well
        finally:
            process.stop(signal.SIGTERM)
        return int(re.search(r"^(?:totals|summary): (\d+)", out.read_text(), re.MULTILINE)[1])


def measure(functions, options, folder):
    for function in functions:
        function.time(1)  # brings the binary into memory, and shows whether it works at all
        function.forget_times()
    for turn in range(options.rounds):
        for function in functions if turn % 2 else reversed(functions):
            function.time(options.warm)
    results = {
        function.name: {
            **{column: statistics.median(getattr(function, column)) for column in ("init", "cold", "warm")},
            **{column: max(getattr(function, column)) for column in ("size", "zip", "memory")},
        }
        for function in functions
    }
    if options.count:
        # What one event costs is the difference between lives of different length.
        lives = (0, 1, 1 + options.count)
        with concurrent.futures.ThreadPoolExecutor(os.cpu_count()) as pool:
            counts = {f.name: [pool.submit(f.count, life, folder) for life in lives] for f in functions}
        for name, futures in counts.items():
            start, one, every = (future.result() for future in futures)
            each = (every - one) // options.count
            results[name] |= {"start": start, "first": one - start, "each": each}
    return results


def table(results):
    yield "| function | size / zip MB | init ms | cold ms | warm µs | instructions: start / first / each | memory MiB |"
    yield "| --- | --- | --- | --- | --- | --- | --- |"
    for name, r in results.items():
        counts = " / ".join(f"{r[part] / 1e6:.2f} M" for part in ("start", "first", "each") if part in r)
        yield (
            f"| {name} | {r['size'] / MB:.1f} / {r['zip'] / MB:.1f} | {r['init'] * 1e3:.1f} | {r['cold'] * 1e3:.1f} "
            f"| {r['warm'] * 1e6:.0f} | {counts} | {r['memory'] / MIB:.1f} |"
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("functions", nargs="*", help="names of binaries; all when none is given")
    parser.add_argument("--binaries", type=pathlib.Path, default=ROOT / "target/release", help="where they are")
    parser.add_argument("--rounds", type=int, default=5, help="fresh processes of each function")
    parser.add_argument("--warm", type=int, default=100, help="later events for each process")
    parser.add_argument("--count", type=int, default=5, help="later events under valgrind; 0: no instructions")
    parser.add_argument("--check", action="store_true", help="hold the functions that have a budget to it")
    options = parser.parse_args()
    if (options.count or options.check) and not shutil.which("valgrind"):
        sys.exit("valgrind counts the instructions: install it, or say --count 0")

    every = [file.stem for file in sorted((ROOT / "functions/src/bin").glob("*.rs"))]
    names = list(BUDGETS) if options.check else options.functions or every
    paths = {FLOOR: options.binaries / "examples" / FLOOR, **{name: options.binaries / name for name in names}}
    if missing := [str(path) for path in paths.values() if not path.exists()]:
        sys.exit(f"not built: {', '.join(missing)}\ncargo build --release -p functions --bins --examples")

    answers = json.loads((ROOT / "tests/bench/answers.json").read_text())
    with tempfile.TemporaryDirectory() as folder:
        folder = pathlib.Path(folder)
        certificates(folder)
        functions = [Function(name, path, folder, answers) for name, path in paths.items()]
        results = measure(functions, options, folder)

    print("\n".join(table(results)))
    problems = [
        f"{name}: {column} is {results[name][column]:,}, and may be {limit:,.0f}"
        for name, budget in (BUDGETS.items() if options.check else ())
        for column, limit in budget.items()
        if results[name][column] > limit
    ]
    print("\n".join(problems), file=sys.stderr, end="\n" if problems else "")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
