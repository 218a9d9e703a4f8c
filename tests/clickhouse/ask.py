"""Asks ClickHouse, embedded as libchdb.so (npm @chdb/lib-linux-x64-gnu): ask.py library statements.

The file has one statement a line. Answers of SELECTs go to the output, one line each: the rows, blanks between; "ERROR ..." where it failed.
Loaded by ctypes, since the package's own addon for node wants a newer C++ library than Debian's."""
import ctypes
import os
import sys


def load(path):
    library = ctypes.CDLL(path)
    library.chdb_connect.restype = ctypes.POINTER(ctypes.c_void_p)
    library.chdb_connect.argtypes = [ctypes.c_int, ctypes.POINTER(ctypes.c_char_p)]
    library.chdb_query.restype = ctypes.c_void_p
    library.chdb_query.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_char_p]
    for name, kind in (("chdb_result_buffer", ctypes.c_void_p), ("chdb_result_length", ctypes.c_size_t),
                       ("chdb_result_error", ctypes.c_char_p), ("chdb_destroy_query_result", None)):
        function = getattr(library, name)
        function.restype = kind
        function.argtypes = [ctypes.c_void_p]
    return library


def main():
    library = load(sys.argv[1])
    connection = library.chdb_connect(1, (ctypes.c_char_p * 1)(b"clickhouse"))
    with open(sys.argv[2], "rb") as statements:
        for line in statements:
            result = library.chdb_query(connection[0], line.rstrip(b"\n"), b"TSV")
            error = library.chdb_result_error(result)
            size = library.chdb_result_length(result)
            rows = ctypes.string_at(library.chdb_result_buffer(result), size).decode() if size and not error else ""
            if error:
                print("ERROR", error.decode(errors="replace").replace("\n", " ")[:600])
            elif line.startswith(b"SELECT"):
                print(" ".join(rows.split()))
            library.chdb_destroy_query_result(result)


main()
sys.stdout.flush()
os._exit(0)  # the library's own farewell takes minutes
