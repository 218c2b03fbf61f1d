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
