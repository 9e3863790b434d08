//go:build unix && (amd64 || arm64 || loong64 || mips64 || mips64le || ppc64 || ppc64le || riscv64 || s390x)

package bolt

// reserve says whether address space can be reserved without enlarging the file.
const reserve = true
