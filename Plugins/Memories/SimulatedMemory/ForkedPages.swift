/// The physical pages that forks made copy-on-write, each with the number of its mappers.
struct ForkedPages {
    /// One physical page.
    struct Record {
        /// Its content; never changes while the page lives.
        let bytes: PageBytes
        /// How many pages of address spaces map it. The last one stays write-protected until it writes.
        var mappers: Int
    }

    /// The pages by number; `nil` where a number is free.
    private(set) var records: [Record?] = []
    private var freeNumbers: [UInt32] = []

    /// The page with this number. Traps when it does not live.
    subscript(number: UInt32) -> Record { records[Int(number)]! }

    /// A page that two address spaces map. O(1)
    mutating func make(of bytes: PageBytes) -> UInt32 {
        let record = Record(bytes: bytes, mappers: 2)
        if let number = freeNumbers.popLast() {
            records[Int(number)] = record
            return number
        }
        records.append(record)
        return UInt32(records.count - 1)
    }

    /// Counts a new mapper.
    mutating func addMapper(to number: UInt32) {
        records[Int(number)]!.mappers += 1
    }

    /// A mapper has gone; the last one frees the page.
    mutating func removeMapper(from number: UInt32) {
        records[Int(number)]!.mappers -= 1
        if self[number].mappers == 0 {
            records[Int(number)] = nil
            freeNumbers.append(number)
        }
    }
}
