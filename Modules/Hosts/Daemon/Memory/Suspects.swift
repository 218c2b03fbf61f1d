import PageMemory

/// Pages and frames whose digest was equal to another's and whose bytes were not, when it came to merging: written
/// meanwhile, or made to look alike. Before they are matched again their bytes are compared.
struct Suspects {
    /// More would be an attack or a storm of writes: all are forgotten then, which costs time and nothing else.
    private static let capacity = 4096
    private var pages: Set<PageAddress> = []
    private var frames: Set<Frame> = []

    var isEmpty: Bool { pages.isEmpty && frames.isEmpty }

    mutating func insert(_ page: PageAddress) {
        if pages.count >= Suspects.capacity { pages.removeAll(keepingCapacity: true) }
        pages.insert(page)
    }

    mutating func insert(_ frame: Frame) {
        if frames.count >= Suspects.capacity { frames.removeAll(keepingCapacity: true) }
        frames.insert(frame)
    }

    /// The area is gone.
    mutating func removePages(of area: AreaID) {
        guard !pages.isEmpty else { return }
        pages = pages.filter { $0.area != area }
    }

    /// They have merged, or are gone.
    mutating func remove(_ page: PageAddress) { pages.remove(page) }
    mutating func remove(_ frame: Frame) { frames.remove(frame) }

    func contains(_ content: PageContent) -> Bool {
        switch content {
        case .page(let page): pages.contains(page)
        case .frame(let frame): frames.contains(frame)
        case .zeros: false
        }
    }
}
