import PageChecksum
import XXHashChecksum

// Pages of zeros, of sevens and of zeros again: which have equal digests?
let pages = [0, 7, 0].map { [UInt8](repeating: $0, count: 4096) }
let checksums: [any PageChecksum] = [XXH3Checksum(), XXH3Checksum64(), XXH64Checksum(seed: 1), XXH32Checksum()]
for checksum in checksums {
    let digests = pages.map { checksum.digest(of: $0.span.bytes) }
    print(checksum.name, digests[0], digests[0] == digests[2], digests[0] == digests[1])
}
