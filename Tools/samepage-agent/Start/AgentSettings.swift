internal import CLinuxMemory

/// The environment as the loader hands it to constructors: one that runs before libc's own finds nothing by getenv.
@safe
struct Environment {
    /// `NAME=value` strings, ended by a null pointer.
    let strings: UnsafePointer<UnsafePointer<CChar>?>?

    /// The value of a variable; `nil` if it is not set.
    func value(of name: StaticString) -> UnsafePointer<CChar>? {
        guard let strings = unsafe strings else { return nil }
        var place = 0
        // SAFETY: the list ends with a null pointer, each string with a zero byte; a string that is shorter than the name
        // differs from it at its end.
        while let string = unsafe strings[place] {
            var length = 0
            while length < name.utf8CodeUnitCount,
                unsafe UInt8(bitPattern: string[length]) == name.utf8Start[length]
            { length += 1 }
            if length == name.utf8CodeUnitCount, unsafe string[length] == 61 { return unsafe string + length + 1 }
            place += 1
        }
        return nil
    }
}

/// What the environment told the program's agent at its start.
@safe
struct AgentSettings {
    /// The path of the daemon's socket, ended by a zero byte.
    var socketPath = InlineArray<108, UInt8>(repeating: 0)
    /// Its length without the zero byte; 0 if it is too long to connect to.
    var socketPathLength = 0
    /// Processes whose salts differ never share; 0 without a salt.
    var salt: UInt64 = 0
    /// When the program is a second old (monotonic).
    var youngUntil: UInt64 = 0
    /// The agent does nothing: the pages of this machine are not of 4096 bytes, the program gained rights at its start, or see
    /// isForeignGround.
    var isOff = false
    #if Mutants
        /// Safety that a test takes out, by the raw value of `RemapMutants`.
        var mutants = RemapMutants()
    #endif

    /// Reads the environment: in the constructor only, while nobody changes it.
    mutating func read(_ environment: Environment) {
        // The filter is looked for before any call is made that the loader does not make itself.
        isOff = lm_page_size() != 4096 || lm_has_gained_rights() != 0 || isForeignGround() || isFiltered()
        // Whoever set the variables may have fewer rights than the program.
        if isOff { return }
        youngUntil = now() + seconds(1)
        if appendVariable("SAMEPAGE_SOCKET", of: environment) {
            // Taken as it is.
        } else if appendVariable("XDG_RUNTIME_DIR", of: environment) {
            append("/samepage.sock")
            if !socketExists {
                socketPathLength = 0
                append("/run/samepage.sock")
            }
        } else {
            append("/run/samepage.sock")
        }
        if socketPathLength > Int(LM_SOCKET_PATH) { socketPathLength = 0 }
        salt = Self.hash("SAMEPAGE_SALT", in: environment)
        // SAFETY: the environment's strings end with a zero byte.
        if let text = unsafe environment.value(of: "SAMEPAGE_MERGE_ANY"), unsafe text[0] != 0, unsafe text[0] != 48 {
            unsafe mergesAny = 1
        }
        #if Mutants
            // SAFETY: as above.
            if let text = unsafe environment.value(of: "SAMEPAGE_MUTANTS"), unsafe text[0] > 48 {
                mutants = RemapMutants(rawValue: UInt8(bitPattern: unsafe text[0]) - 48)
            }
        #endif
    }

    /// FNV-1a of a variable's value, 64 bits, never 0 for one that is not empty.
    private static func hash(_ name: StaticString, in environment: Environment) -> UInt64 {
        guard let text = unsafe environment.value(of: name), unsafe text[0] != 0 else { return 0 }
        var value: UInt64 = 0xCBF2_9CE4_8422_2325
        var position = 0
        // SAFETY: up to the zero byte.
        while unsafe text[position] != 0 {
            value = (value ^ UInt64(UInt8(bitPattern: unsafe text[position]))) &* 0x100_0000_01B3
            position += 1
        }
        return value == 0 ? 1 : value
    }

    private mutating func appendVariable(_ name: StaticString, of environment: Environment) -> Bool {
        guard let text = unsafe environment.value(of: name), unsafe text[0] != 0 else { return false }
        var position = 0
        // SAFETY: up to the zero byte.
        while unsafe text[position] != 0 {
            append(byte: UInt8(bitPattern: unsafe text[position]))
            position += 1
        }
        return true
    }

    private mutating func append(_ text: StaticString) {
        // SAFETY: as many bytes as the string has.
        for position in 0..<text.utf8CodeUnitCount { append(byte: unsafe text.utf8Start[position]) }
    }

    private mutating func append(byte: UInt8) {
        if socketPathLength < 107 { socketPath[socketPathLength] = byte }
        socketPathLength += 1
    }

    private var socketExists: Bool {
        guard socketPathLength <= 107 else { return false }
        // SAFETY: the path ends with a zero byte.
        return unsafe withUnsafeBytes(of: socketPath) { bytes in
            unsafe lm_exists(bytes.baseAddress.unsafelyUnwrapped.assumingMemoryBound(to: CChar.self)) != 0
        }
    }
}

/// The settings of the process: written by the constructor alone.
nonisolated(unsafe) var agentSettings = AgentSettings()

/// Whether the agent does nothing at all.
var isAgentOff: Bool { unsafe agentSettings.isOff }

/// 1 when every range of 64 KiB or more that the program maps is wanted.
nonisolated(unsafe) var mergesAny: UInt32 = 0

/// 1 when the program itself asked for merging: by madvise or prctl.
nonisolated(unsafe) var isAskedFor: UInt32 = 0
