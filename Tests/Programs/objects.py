"""Plain objects of an unmodified interpreter: objects.py COUNT

Builds numbers and texts equal in every process. Prints `ready PID`, and `ok` after it has compared every object
with what it should be when a line comes in; ends when the input ends."""
import os
import sys

count = int(sys.argv[1])


def number(index):
    return index / 7


def text(index):
    return f"customer {index:09d} of the northern region"


def whole(index):
    return (1 << 40) + index * 3


numbers = [number(index) for index in range(count)]
texts = [text(index) for index in range(count)]
wholes = [whole(index) for index in range(count)]
print("ready", os.getpid(), flush=True)

for _ in sys.stdin:
    right = all(numbers[i] == number(i) and texts[i] == text(i) and wholes[i] == whole(i) for i in range(count))
    print("ok" if right else "wrong", flush=True)
