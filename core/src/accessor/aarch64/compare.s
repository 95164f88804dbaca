// Compares two ranges up to the first difference.
//
// x0, x1: the ranges, x2: length. Returns x0: number of equal bytes, x1: fault address, or 0.
//
// x3 counts the equal bytes at every step. After a fault the comparison continues byte by byte
// (label 90).

.macro sm_compare_at offset, different
    sm_try 90f, ldr q0, [x0, \offset]
    sm_try 90f, ldr q1, [x1, \offset]
    cmeq v0.16b, v0.16b, v1.16b
    shrn v0.8b, v0.8h, #4
    fmov x5, d0
    mvn x5, x5
    cbnz x5, \different
.endm

sm_accessor compare
    mov x3, xzr
    subs x4, x2, #16
    b.lo 20f
32: sm_compare_at x3, 41f
    add x3, x3, #16
    cmp x3, x4
    b.ls 32b
    cmp x3, x2
    b.eq 92f
    // The last 16 bytes, which overlap the ones before.
    sm_compare_at x4, 40f
    mov x3, x2
    b 92f
20: cmp x2, #8
    b.lo 90f
    sub x4, x2, #8
    sm_try 90f, ldr x5, [x0]
    sm_try 90f, ldr x6, [x1]
    eor x5, x5, x6
    cbnz x5, 42f
    sm_try 90f, ldr x5, [x0, x4]
    sm_try 90f, ldr x6, [x1, x4]
    mov x3, x4
    eor x5, x5, x6
    cbnz x5, 42f
    mov x3, x2
    b 92f
    // Here the four bits of a different byte are all set,
40: mov x3, x4
41: rbit x5, x5
    clz x5, x5
    add x3, x3, x5, lsr #2
    b 92f
    // and here at least one of its eight bits.
42: rbit x5, x5
    clz x5, x5
    add x3, x3, x5, lsr #3
    b 92f

90: cmp x3, x2
    b.hs 92f
    sm_try 93f, ldrb w5, [x0, x3]
    sm_try 93f, ldrb w6, [x1, x3]
    cmp w5, w6
    b.ne 92f
    add x3, x3, #1
    b 90b
92: mov x0, x3
    mov x1, xzr
    ret
93: mov x0, x3
    mov x1, x17
    ret
sm_end compare

.purgem sm_compare_at
