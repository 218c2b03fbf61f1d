/// An address space: the memory of one process (`mm` in the kernel).
@frozen
public struct AddressSpaceID: RawRepresentable, Hashable, Sendable, Comparable {
    /// The number of the address space.
    public var rawValue: UInt32

    /// Makes an identifier from its number.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The order of the numbers.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A mergeable area: a range of neighbouring pages of one address space, marked with MADV_MERGEABLE or its like.
@frozen
public struct AreaID: RawRepresentable, Hashable, Sendable, Comparable {
    /// The number of the area, unique over all address spaces of a merger.
    public var rawValue: UInt32

    /// Makes an identifier from its number.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The order of the numbers.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// A mergeable area and where it lies.
public struct Area: Hashable, Sendable {
    /// The identifier of the area.
    public var id: AreaID
    /// The address space that the area belongs to.
    public var space: AddressSpaceID
    /// The number of its first page in the address space: its address divided by the page size.
    public var firstPage: UInt64
    /// Its length in pages.
    public var pageCount: UInt32

    /// Describes an area.
    public init(id: AreaID, space: AddressSpaceID, firstPage: UInt64, pageCount: UInt32) {
        self.id = id
        self.space = space
        self.firstPage = firstPage
        self.pageCount = pageCount
    }
}

/// One page of an area (in the kernel: the address in an `rmap_item`).
@frozen
public struct PageAddress: Hashable, Sendable, Comparable {
    /// The area.
    public var area: AreaID
    /// The page's place in the area, counted from 0.
    public var index: UInt32

    /// Names a page of an area.
    @inlinable
    public init(area: AreaID, index: UInt32) {
        self.area = area
        self.index = index
    }

    /// By area, then by place.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool {
        left.area != right.area ? left.area < right.area : left.index < right.index
    }
}

/// A page of physical memory that merged pages share, owned by the memory and never written while anyone maps it
/// (in the kernel: a KSM page).
@frozen
public struct Frame: RawRepresentable, Hashable, Sendable, Comparable {
    /// The number of the frame; neighbouring numbers may lie next to each other in the store.
    public var rawValue: UInt32

    /// Makes a frame from its number.
    @inlinable
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    /// The order of the numbers.
    @inlinable
    public static func < (left: Self, right: Self) -> Bool { left.rawValue < right.rawValue }
}

/// Neighbouring frames of identical content: usually one, more for a content that one process needs often.
///
/// Page i of an area maps frame `i mod count` of the row, so that neighbouring pages map neighbouring frames and the
/// kernel keeps them in one VMA (mapping all onto one frame would need a VMA for each page).
@frozen
public struct FrameRow: Hashable, Sendable {
    /// The first frame.
    public var first: Frame
    /// The number of frames, at least 1.
    public var count: UInt32

    /// Makes a row.
    @inlinable
    public init(first: Frame, count: UInt32) {
        self.first = first
        self.count = count
    }

    /// The frame of the row that a page at this place of its area maps.
    @inlinable
    public func frame(forPageAt index: UInt32) -> Frame {
        count == 1 ? first : Frame(rawValue: first.rawValue &+ index % count)
    }
}

/// Something with content: a page of an area, or a frame.
@frozen
public enum PageContent: Hashable, Sendable {
    /// A page of an area, read where it lies.
    case page(PageAddress)
    /// A frame of the store.
    case frame(Frame)
    /// As many zeros as a page has bytes.
    case zeros
}
