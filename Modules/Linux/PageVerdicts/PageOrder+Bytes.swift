import CLinuxMemory
package import PageTree

extension PageOrder {
    /// How the bytes of two pages compare, both mapped.
    package init(of first: UnsafeRawPointer, and second: UnsafeRawPointer, pageSize: Int) {
        // SAFETY: the caller says that so many bytes are mapped at both.
        let order = unsafe lm_compare(first, second, pageSize)
        self = order == 0 ? .same : order < 0 ? .before : .after
    }
}
