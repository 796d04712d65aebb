"""Runs a linked runtime on wasmtime, with the features that a relay chain's validators have.

    pip install --require-hashes -r wasmtime.txt     (newer ones cannot do without reference types)
    python3 run_wasmtime.py RUNTIME.wasm [FUNCTION [ARGUMENTS-FILE [EXTRINSICS-ROOT]]]

RUNTIME.wasm is not compressed (pileus runtime build --raw). The function (default:
Core_version) is called twice: with memory grown to its maximum before the call, as a node
does, and growing on demand to 2080 pages, as a validator does. Host functions: allocator,
logging, hashing; every signature is taken for good; the root of extrinsics is the one given.
Others trap.
"""
import ctypes, hashlib, sys, time
import wasmtime as w

PAGE = 65536


class Host:
    """The host's allocator without free lists, and what hashing and logging need."""

    def __init__(self, store, memory, base, limit):
        self.store, self.memory, self.next, self.limit = store, memory, base, limit

    def allocate(self, n):
        size = 8
        while size < n:
            size *= 2
        at, self.next = self.next + 8, self.next + 8 + size
        short = self.next - self.memory.data_len(self.store)
        if short > 0:
            need = (short + PAGE - 1) // PAGE
            if self.memory.size(self.store) + need > self.limit:
                raise w.Trap("Allocator ran out of space")
            self.memory.grow(self.store, need)
        return at

    # Memory.read and Memory.write make a ctypes type for every call: a block with 40,000
    # values, each hashed, spent 25 of 30 seconds on that.
    def address(self, at, n):
        if at + n > self.memory.data_len(self.store):
            raise w.Trap("bytes outside the memory")
        return ctypes.addressof(self.memory.data_ptr(self.store).contents) + at

    def read(self, fat):
        at, n = fat & 0xFFFFFFFF, fat >> 32 & 0xFFFFFFFF
        return ctypes.string_at(self.address(at, n), n)

    def place(self, b):
        at = self.allocate(len(b))
        ctypes.memmove(self.address(at, len(b)), bytes(b), len(b))
        return at


def main():
    code = open(sys.argv[1], "rb").read()
    method = sys.argv[2] if len(sys.argv) > 2 else "Core_version"
    args = open(sys.argv[3], "rb").read() if len(sys.argv) > 3 else b""
    root = bytes.fromhex(sys.argv[4]) if len(sys.argv) > 4 else bytes(32)
    config = w.Config()
    config.wasm_bulk_memory = False
    config.wasm_reference_types = False
    config.wasm_multi_value = False
    config.wasm_simd = False
    config.wasm_relaxed_simd = False
    config.wasm_threads = False
    config.wasm_tail_call = False
    config.wasm_multi_memory = False
    config.wasm_memory64 = False
    engine = w.Engine(config)
    start = time.time()
    module = w.Module(engine, code)
    print(f"compile: {time.time() - start:.2f} s, {len(code)} bytes")
    for name, grown in (("memory grown before", True), ("memory growing", False)):
        run(engine, module, name, grown, method, args, root)


def run(engine, module, name, grown, method, args, root):
    store, box = w.Store(engine), {}

    def function(i):
        def call(*a):
            h = box["host"]
            match i.name:
                case "ext_hashing_blake2_256_version_1":
                    return h.place(hashlib.blake2b(h.read(a[0]), digest_size=32).digest())
                case "ext_hashing_blake2_128_version_1":
                    return h.place(hashlib.blake2b(h.read(a[0]), digest_size=16).digest())
                case "ext_crypto_sr25519_verify_version_2":
                    return 1
                case "ext_trie_blake2_256_ordered_root_version_2":
                    return h.place(root)
                case "ext_allocator_malloc_version_1":
                    return h.allocate(a[0])
                case "ext_allocator_free_version_1":
                    return None
                case "ext_logging_log_version_1":
                    print("log:", h.read(a[2]).decode(errors="replace"))
                    return None
            raise w.Trap(i.name + " is not served here")
        return w.Func(store, i.type, call)

    start = time.time()
    instance = w.Instance(store, module, [function(i) for i in module.imports])
    exports = instance.exports(store)
    memory, base = exports["memory"], exports["__heap_base"].value(store)
    limit = memory.size(store) + 2048 if grown else 2080
    if grown:
        memory.grow(store, 2048)
    host = box["host"] = Host(store, memory, base, limit)
    at = host.place(args)
    made = time.time()
    out = exports[method](store, at, len(args))
    done = time.time()
    print(f"{name}: instance {1000 * (made - start):.2f} ms, call {1000 * (done - made):.2f} ms, "
          f"{memory.size(store)} pages, heap of the host {(host.next - base) >> 10} KiB, result {host.read(out).hex()}")


main()
