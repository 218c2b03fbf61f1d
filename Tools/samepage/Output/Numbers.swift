/// Numbers as people read them.
package enum Numbers {
    /// A count with a comma at each thousand: `131,072`.
    package static func count(_ value: Int) -> String {
        var text = ""
        for (index, digit) in String(value.magnitude).reversed().enumerated() {
            if index > 0, index % 3 == 0 { text.append(",") }
            text.append(digit)
        }
        return (value < 0 ? "-" : "") + String(text.reversed())
    }

    /// Bytes in MiB with one decimal: `512.0`.
    package static func mebibytes(_ bytes: Int) -> String { fixed(Double(bytes) / Double(1 << 20), decimals: 1) }

    /// A number with so many decimals, rounded.
    package static func fixed(_ value: Double, decimals: Int) -> String {
        let scale = (0..<decimals).reduce(1) { scale, _ in scale * 10 }
        let scaled = Int((value.magnitude * Double(scale)).rounded())
        let sign = value < 0 && scaled > 0 ? "-" : ""
        guard decimals > 0 else { return sign + count(scaled) }
        let fraction = String(scaled % scale)
        return "\(sign)\(count(scaled / scale)).\(String(repeating: "0", count: decimals - fraction.count))\(fraction)"
    }
}

extension Numbers {
    /// Bytes in the largest unit that leaves at least 1: `512 B`, `1.5 KiB`, `512.0 MiB`, `2.0 GiB`.
    package static func size(_ bytes: Int) -> String {
        let units: [(name: String, shift: Int)] = [("GiB", 30), ("MiB", 20), ("KiB", 10)]
        for unit in units where bytes.magnitude >= 1 << unit.shift {
            return "\(fixed(Double(bytes) / Double(1 << unit.shift), decimals: 1)) \(unit.name)"
        }
        return bytes == 0 ? "0" : "\(bytes) B"
    }

    /// Seconds as people say them: `12 s`, `3 min 5 s`, `2 h 10 min`, `4 d 3 h`.
    package static func duration(_ seconds: Int) -> String {
        let (minutes, hours, days) = (seconds / 60, seconds / 3600, seconds / 86400)
        if days > 0 { return "\(count(days)) d \(hours % 24) h" }
        if hours > 0 { return "\(hours) h \(minutes % 60) min" }
        return minutes > 0 ? "\(minutes) min \(seconds % 60) s" : "\(seconds) s"
    }
}
