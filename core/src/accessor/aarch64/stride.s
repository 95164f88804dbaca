// Copies bytes with a stride: `gather` to consecutive addresses, `scatter` from consecutive
// addresses.
//
// x0: destination, x1: source, x2: number of bytes, x3: stride, which may be negative. Returns x0:
// bytes done, x1: fault address, or 0.

.macro sm_stride name, next_from, next_to
sm_accessor \name
    mov x4, x2
    cbz x2, 36f
35: sm_try 37f, ldrb w5, [x1]
    sm_try 37f, strb w5, [x0]
    add x1, x1, \next_from
    add x0, x0, \next_to
    subs x2, x2, #1
    b.ne 35b
36: mov x0, x4
    mov x1, xzr
    ret
37: sub x0, x4, x2
    mov x1, x17
    ret
sm_end \name
.endm

sm_stride gather, x3, #1
sm_stride scatter, #1, x3

.purgem sm_stride
