import ArgumentParser

/// The sorts of actors.
enum Kind: String, CaseIterable, ExpressibleByArgument {
    /// Plain stores of programs.
    case store
    /// Plain loads by threads that do not own what they read.
    case read
    /// read(2) from a pipe into the memory.
    case pipe
    /// process_vm_writev by this process.
    case vm
    /// process_vm_writev by this process, held up in the middle with its pages pinned.
    case vmslow
    /// process_vm_writev by a child process into this one.
    case vmchild
    /// The same with a page of the source that comes late.
    case vmstall
    /// Reads with O_DIRECT, by descriptors that live no longer than the read.
    case direct
    /// The same by a thread with a table of descriptors of its own.
    case table
    /// Reads of a FUSE file with direct I/O, whose server answers late.
    case fuse
    /// A network device into memory that an AF_XDP socket has registered.
    case device
    /// READ_FIXED of an io_uring into registered buffers.
    case uring
    /// fork, with a child that checks what it sees.
    case fork
    /// The fork system call without pthread_atfork, with a child that only ends.
    case rawfork
    /// posix_spawn, that is vfork.
    case spawn
    /// Regions that come, change in every way the API has, and go.
    case regions
    /// Discards of blocks that others read.
    case discard
    /// MADV_UNMERGEABLE and MADV_MERGEABLE of regions that others use.
    case unmerge
    /// `run` 2, then 1.
    case run

    /// Whether it writes whole blocks through pins that last a while.
    var isSlow: Bool {
        switch self {
        case .vmslow, .vmstall, .direct, .table, .fuse: true
        default: false
        }
    }
}
