import CLinuxMemory
import Glibc

/// Whether a daemon answers programs.
enum DaemonPresence {
    /// What `samepage run` says when the program cannot merge yet; `nil` when a daemon is there.
    static func note(_ path: String) -> String? {
        switch connect(path) {
        case 0: nil
        case EACCES, EPERM: "\(refusal(path)); nothing merges until then"
        default: "no daemon answers on \(path): memory merges once 'samepage daemon' runs there"
        }
    }

    /// Connects to the daemon's socket for programs, and closes again: 0, or the error number.
    static func connect(_ path: String) -> Int32 {
        let socket = lm_socket()
        guard socket >= 0 else { return -socket }
        defer { close(socket) }
        var bytes = Array(path.utf8CString)
        // SAFETY: the path has this many bytes.
        return -(unsafe lm_connect(socket, &bytes, bytes.count - 1))
    }

    /// Who may use a socket that this user may not use, and what to do.
    static func refusal(_ path: String) -> String {
        var status = stat()
        // SAFETY: the structure outlives the call.
        guard unsafe stat(path, &status) == 0 else {
            return "\(path) may not be reached: ask who runs the daemon for a path that you may use"
        }
        let who = "\(path) belongs to user \(userName(status.st_uid)) and group \(groupName(status.st_gid))"
        if status.st_mode & S_IWGRP != 0 {
            return "\(who): become a member of group \(groupName(status.st_gid))"
        }
        return "\(who) and is for that user only: ask who runs the daemon to set clientGroup"
    }

    private static func userName(_ number: UInt32) -> String {
        // SAFETY: the entry is copied before another call can change it.
        unsafe getpwuid(number).map { unsafe String(cString: $0.pointee.pw_name) } ?? String(number)
    }

    private static func groupName(_ number: UInt32) -> String {
        // SAFETY: the entry is copied before another call can change it.
        unsafe getgrgid(number).map { unsafe String(cString: $0.pointee.gr_name) } ?? String(number)
    }
}
