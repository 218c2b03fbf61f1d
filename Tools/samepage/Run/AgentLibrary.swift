import Glibc

/// The library that is loaded into programs whose memory merges.
package enum AgentLibrary {
    /// Its file name.
    package static let fileName = "libsamepage-agent.so"

    /// The path of the library: `SAMEPAGE_AGENT` if that is set, else the first that exists beside the samepage
    /// program, in `../lib/` and in `../lib/samepage/`.
    ///
    /// - Throws: ``CommandFailure`` if there is none, or if its path cannot be preloaded.
    package static func find() throws(CommandFailure) -> String {
        try find(chosen: Environment.value(of: "SAMEPAGE_AGENT"), beside: executableFolder())
    }

    /// The same for a folder that holds the samepage program.
    package static func find(chosen: String?, beside folder: String?) throws(CommandFailure) -> String {
        if let chosen {
            guard let path = realPath(of: chosen) else {
                throw CommandFailure(
                    "SAMEPAGE_AGENT names '\(chosen)', which cannot be read: set it to the path of \(fileName)")
            }
            return try preloadable(path)
        }
        let places = folder.map { ["\($0)/", "\($0)/../lib/", "\($0)/../lib/samepage/"] } ?? []
        for place in places {
            if let path = realPath(of: place + fileName) { return try preloadable(path) }
        }
        throw CommandFailure(
            "\(fileName) is not beside the samepage program, in ../lib or in ../lib/samepage: install it there, or set "
                + "SAMEPAGE_AGENT to its path")
    }

    /// LD_PRELOAD separates its entries by colons and blanks, without a way to quote them.
    private static func preloadable(_ path: String) throws(CommandFailure) -> String {
        guard !path.contains(where: { $0 == ":" || $0.isWhitespace }) else {
            throw CommandFailure(
                "'\(path)' cannot be preloaded because its path has a colon or a blank: move \(fileName) elsewhere, "
                    + "and set SAMEPAGE_AGENT to its path")
        }
        return path
    }

    /// The folder of this program, without links; `nil` where /proc is missing.
    private static func executableFolder() -> String? {
        guard let path = realPath(of: "/proc/self/exe"), let slash = path.lastIndex(of: "/") else { return nil }
        return String(path[..<slash])
    }

    /// The absolute path of a file that can be read, without links.
    private static func realPath(of path: String) -> String? {
        guard unsafe access(path, R_OK) == 0 else { return nil }
        // SAFETY: the call allocates the result, which ends with a zero and is freed here.
        guard let resolved = unsafe realpath(path, nil) else { return nil }
        defer { unsafe free(resolved) }
        return unsafe String(cString: resolved)
    }
}
