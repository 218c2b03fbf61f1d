internal import CLinuxMemory

/// Runs a program's filter of system calls (classic BPF) on a call of which only the number, the machine and at most one
/// argument are known, and finds out whether every run allows it.
///
/// What is not known takes both ways of a branch. A filter that takes too many steps is one that cannot be judged.
@safe
struct FilterJudge {
    /// The filter, `count` instructions, readable while it is judged.
    let instructions: UnsafePointer<lm_filter_instruction>
    /// Instructions in it.
    let count: Int

    /// Steps for one call, and branches of which the other way is still to be taken.
    private static var patience: Int { 20000 }
    private static var depth: Int { 48 }

    /// Whether the filter allows all that the agent does.
    func allowsAgent() -> Bool {
        for place in 0..<Int(LM_OWN_CALLS) where !allows(lm_own_call_at(place)) { return false }
        return true
    }

    /// Whether the filter allows a call, whatever the arguments that are not known.
    func allows(_ call: lm_own_call) -> Bool {
        var waiting = InlineArray<48, State>(repeating: State())
        var waitingCount = 0
        var state = State()
        var steps = 0
        while steps < Self.patience {
            steps += 1
            guard state.place < count else { return false }
            // SAFETY: below the number of instructions.
            let step = unsafe instructions[state.place]
            state.place += 1
            switch state.perform(step, call) {
            case .goesOn: break
            case .branches:
                guard waitingCount < Self.depth else { return false }
                waiting[waitingCount] = state
                waiting[waitingCount].place += Int(step.if_false)
                waitingCount += 1
                state.place += Int(step.if_true)
            case .ends(let action):
                let isAllowed =
                    action == LM_SECCOMP_ALLOW || call.may_be_missing != 0 && action == LM_SECCOMP_MISSING
                guard isAllowed else { return false }
                guard waitingCount > 0 else { return true }
                waitingCount -= 1
                state = waiting[waitingCount]
            case .cannotBeJudged: return false
            }
        }
        return false
    }

    /// What an instruction leads to.
    enum Way {
        case goesOn
        /// Either way of a branch may be taken.
        case branches
        /// What the kernel is to do with the call, without the data for a tracer.
        case ends(UInt32)
        case cannotBeJudged
    }

    /// A run of the filter at an instruction; `nil` is a value that is not known.
    struct State {
        var place = 0
        var accumulator: UInt32? = 0
        var index: UInt32? = 0
    }
}

extension FilterJudge.State {
    /// Does one instruction, of which the place has been passed.
    mutating func perform(_ step: lm_filter_instruction, _ call: lm_own_call) -> FilterJudge.Way {
        let value = step.value
        switch step.code {
        case 0x20: accumulator = Self.load(value, call)
        case 0x80: accumulator = 64
        case 0x81: index = 64
        case 0x00: accumulator = value
        case 0x01: index = value
        // What is kept in memory is not followed.
        case 0x60: accumulator = nil
        case 0x61: index = nil
        case 0x02, 0x03: break
        case 0x07: index = accumulator
        case 0x87: accumulator = index
        case 0x06: return .ends(Self.action(value))
        case 0x16:
            guard let accumulator else { return .cannotBeJudged }
            return .ends(Self.action(accumulator))
        case 0x05:
            guard value <= 4096 else { return .cannotBeJudged }
            place += Int(value)
        case let code where code & 7 == 5: return jump(step)
        case let code where code & 7 == 4: return compute(code, code & 8 != 0 ? index : value)
        default: return .cannotBeJudged
        }
        return .goesOn
    }

    /// The data that comes with SECCOMP_RET_ALLOW means nothing.
    private static func action(_ value: UInt32) -> UInt32 {
        value & 0xFFFF_0000 == LM_SECCOMP_ALLOW ? LM_SECCOMP_ALLOW : value
    }

    /// A word of struct seccomp_data: number, machine, address of the instruction, six arguments of 64 bits.
    private static func load(_ offset: UInt32, _ call: lm_own_call) -> UInt32? {
        switch offset {
        case 0: return UInt32(call.number)
        case 4: return LM_AUDIT_ARCH
        default:
            guard call.argument >= 0 else { return nil }
            let low = 16 + 8 * UInt32(call.argument)
            return offset == low ? call.value : offset == low + 4 ? 0 : nil
        }
    }

    private mutating func jump(_ step: lm_filter_instruction) -> FilterJudge.Way {
        guard let left = accumulator, let right = step.code & 8 != 0 ? index : step.value else { return .branches }
        let isTrue: Bool
        switch step.code & 0xF0 {
        case 0x10: isTrue = left == right
        case 0x20: isTrue = left > right
        case 0x30: isTrue = left >= right
        case 0x40: isTrue = left & right != 0
        default: return .cannotBeJudged
        }
        place += Int(isTrue ? step.if_true : step.if_false)
        return .goesOn
    }

    private mutating func compute(_ code: UInt16, _ operand: UInt32?) -> FilterJudge.Way {
        if code & 0xF0 == 0x50, operand == 0 || accumulator == 0 {
            accumulator = 0
            return .goesOn
        }
        guard let left = accumulator, let right = operand else {
            accumulator = nil
            return .goesOn
        }
        switch code & 0xF0 {
        case 0x00: accumulator = left &+ right
        case 0x10: accumulator = left &- right
        case 0x20: accumulator = left &* right
        case 0x30:
            // The kernel's filters end with a refusal there.
            guard right != 0 else { return .cannotBeJudged }
            accumulator = left / right
        case 0x40: accumulator = left | right
        case 0x50: accumulator = left & right
        case 0x60: accumulator = right < 32 ? left << right : nil
        case 0x70: accumulator = right < 32 ? left >> right : nil
        case 0x80: accumulator = 0 &- left
        case 0xA0: accumulator = left ^ right
        default: return .cannotBeJudged
        }
        return .goesOn
    }
}
