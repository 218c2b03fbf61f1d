import Glibc
import Synchronization

// Proof that the thread sanitizer reports what it should, and nothing else: threads that add to one number under a
// lock that is waited for, or, with an argument, without one.

final class Shared: @unchecked Sendable {
    let lock = Mutex<Void>(())
    var number = 0
}

let shared = Shared()
let isLocked = CommandLine.arguments.count == 1

func add() {
    for _ in 0..<200 {
        if isLocked {
            shared.lock.withLock { _ in
                shared.number += 1
                usleep(10)
            }
        } else {
            shared.number += 1
        }
    }
}

var threads: [pthread_t] = []
for _ in 0..<4 {
    var thread = pthread_t()
    _ = pthread_create(
        &thread, nil,
        { _ in
            add()
            return nil
        }, nil)
    threads.append(thread)
}
for thread in threads { pthread_join(thread, nil) }
