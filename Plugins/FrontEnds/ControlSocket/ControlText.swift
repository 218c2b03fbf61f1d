import FrontEnd

/// Lines of the language of the control socket.
enum ControlText {
    /// Text that fits in a line: control characters and backslashes are written as `\n`, `\\` and `\xHH`.
    static func escaped(_ text: String) -> String {
        var result = ""
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\\": result += "\\\\"
            case "\n": result += "\\n"
            case _ where scalar.value < 0x20 || scalar.value >= 0x7F && scalar.value < 0xA0:
                let digits = String(scalar.value, radix: 16, uppercase: true)
                result += "\\x" + (digits.count < 2 ? "0" : "") + digits
            default: result.unicodeScalars.append(scalar)
            }
        }
        return result
    }

    /// The text that was escaped; what is no escape stands for itself.
    static func unescaped(_ text: String) -> String {
        var result = String.UnicodeScalarView()
        var rest = text.unicodeScalars[...]
        while let scalar = rest.popFirst() {
            guard scalar == "\\", let kind = rest.first else {
                result.append(scalar)
                continue
            }
            switch kind {
            case "n", "\\":
                rest.removeFirst()
                result.append(kind == "n" ? "\n" : "\\")
            case "x":
                let digits = rest.dropFirst().prefix(2)
                guard digits.count == 2, let value = UInt32(String(String.UnicodeScalarView(digits)), radix: 16),
                    let decoded = Unicode.Scalar(value)
                else { fallthrough }
                rest.removeFirst(3)
                result.append(decoded)
            default: result.append(scalar)
            }
        }
        return String(result)
    }

    /// A line in at most `count` words, the last of which is the rest of the line. Split by bytes: what a reader sees
    /// as one character may be a blank and what follows it.
    static func words(_ line: String, _ count: Int) -> [String] {
        line.utf8.split(separator: UInt8(ascii: " "), maxSplits: count - 1, omittingEmptySubsequences: false)
            .map { String(decoding: $0, as: UTF8.self) }
    }
}

/// Answers to requests.
enum ControlAnswer {
    /// The answer to a request, with newlines.
    static func text(to request: String, from control: any MergerControl) -> String {
        do {
            let words = ControlText.words(request, 3)
            switch (words.first, words.count) {
            case ("status", 1): return try ControlStatus(of: control).text + "ok\n"
            case ("get", 2): return "value \(ControlText.escaped(try control.value(of: words[1])))\nok\n"
            case ("set", 3):
                try control.set(words[1], to: words[2])
                return "ok\n"
            default: return failure("a request is 'status', 'get NAME' or 'set NAME VALUE'")
            }
        } catch {
            return failure(String(describing: error))
        }
    }

    /// The answer that says what is wrong.
    static func failure(_ message: String) -> String { "error \(ControlText.escaped(message))\n" }
}
