/// Leaves out elements, in ever smaller pieces, as long as what remains still fails.
func shrink<Element>(_ elements: [Element], while fails: ([Element]) -> Bool) -> [Element] {
    var elements = elements
    var piece = elements.count / 2
    while piece > 0 {
        var start = 0
        var anyLeftOut = false
        while start < elements.count {
            var fewer = elements
            fewer.removeSubrange(start..<min(start + piece, elements.count))
            if fails(fewer) {
                elements = fewer
                anyLeftOut = true
            } else {
                start += piece
            }
        }
        if !anyLeftOut || piece > 1 { piece /= 2 }
    }
    return elements
}
