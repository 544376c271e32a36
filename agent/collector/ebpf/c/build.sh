#!/bin/sh
# build.sh SOURCE OBJECT, both seen from the root of the repository: a little-endian object,
# which amd64 and arm64 load alike, with types (BTF) and without what a debugger wants.
set -eu
cd "$(dirname "$0")/../../../.."
${CLANG:-clang} -O2 -g -target bpfel -mcpu=v2 -Wall -Werror -fdebug-compilation-dir=. \
	-I agent/collector/ebpf/c -c "$1" -o "$2"
${LLVM_STRIP:-llvm-strip} -g "$2"
