import Glibc

// What programs that do not come to rest are doing: for the finding, since they are killed right after it.

extension Crew {
    /// Every program at work that does not rest, with each thread of it and of what it has forked.
    var whereabouts: String {
        atWork.filter { board[$0 + 1, .actors] == 0 || board[$0 + 1, .resting] != board[$0 + 1, .actors] }
            .map { index in
                let state = "\(board[index + 1, .resting]) of \(board[index + 1, .actors]) rest"
                let processes = process(at: index).map(Whereabouts.family(of:)) ?? []
                return (["program \(index + 1) (\(kind(at: index))): \(state)"] + processes.map(Whereabouts.describe))
                    .joined(separator: "\n")
            }.joined(separator: "\n")
    }
}

/// What /proc says of a process.
enum Whereabouts {
    /// A process and all that descend from it.
    static func family(of process: pid_t) -> [pid_t] {
        var children: [pid_t: [pid_t]] = [:]
        for name in FileTree.names(in: "/proc") {
            guard let number = pid_t(name), let parent = field("PPid", of: "/proc/\(name)").flatMap({ pid_t($0) })
            else { continue }
            children[parent, default: []].append(number)
        }
        var found = [process]
        var position = 0
        while position < found.count {
            found += children[found[position]] ?? []
            position += 1
        }
        return found
    }

    /// Its threads: state, system call, and where in the kernel each waits.
    static func describe(_ process: pid_t) -> String {
        let folder = "/proc/\(process)/task"
        let threads = FileTree.names(in: folder).sorted().map { name in
            let thread = "\(folder)/\(name)"
            let state = field("State", of: thread) ?? "gone"
            let stack = FileTree.text("\(thread)/stack").split(separator: "\n").map { $0.drop { $0 != " " } }
            let call = FileTree.text("\(thread)/syscall").prefix { $0 != "\n" }
            return "    \(name) \(field("Name", of: thread) ?? ""): \(state), call \(call);\(stack.joined())"
        }
        return (["  process \(process)"] + threads).joined(separator: "\n")
    }

    private static func field(_ name: String, of path: String) -> String? {
        let line = FileTree.text("\(path)/status").split(separator: "\n").first { $0.hasPrefix("\(name):") }
        return line.map { String($0.dropFirst(name.count + 1).drop { $0 == "\t" }) }
    }
}
