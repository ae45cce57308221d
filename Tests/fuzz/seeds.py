"""Writes the bytes of every conformance case to a file, as seeds for the fuzzers.

Usage: seeds.py CORPUS_DIRECTORY http|chunked OUTPUT_DIRECTORY
"""

import pathlib
import re
import sys

ESCAPE = re.compile(r"\\(?:([rnt\\])|x([0-9a-fA-F]{2})|\*(\d+)\*([^*]*)\*)", re.ASCII)
PLAIN = {"r": b"\r", "n": b"\n", "t": b"\t", "\\": b"\\"}


def unescaped(text: str) -> bytes:
    result = b""
    position = 0
    for match in ESCAPE.finditer(text):
        result += text[position : match.start()].encode()
        if match[1]:
            result += PLAIN[match[1]]
        elif match[2]:
            result += bytes.fromhex(match[2])
        else:
            result += int(match[3]) * unescaped(match[4])
        position = match.end()
    return result + text[position:].encode()


def main() -> None:
    corpus, kind, output = pathlib.Path(sys.argv[1]), sys.argv[2], pathlib.Path(sys.argv[3])
    output.mkdir(parents=True, exist_ok=True)
    case = re.compile(rf"^## ([^:\n]+):.*?^```{kind}\n(.*?)^```$", re.MULTILINE | re.DOTALL)
    for file in sorted(corpus.glob("*.md")):
        for section in re.split(r"(?m)^(?=## )", file.read_text()):
            if match := case.search(section):
                seed = unescaped(match[2].replace("\n", ""))
                if len(seed) <= 4096:
                    (output / match[1]).write_bytes(seed)


if __name__ == "__main__":
    main()
