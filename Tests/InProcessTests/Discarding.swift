import CLinuxMemory

/// Discards memory as a program does that knows nothing of merging.
func discardAsPrograms(_ mapping: Mapping) {
    lm_madvise(mapping.address, mapping.byteCount, Int32(LM_MADV_DONTNEED))
}
