// Fills a range with one byte.
//
// x0: destination, w1: byte, x2: length. Returns x0: bytes done, x1: fault address, or 0.
//
// x3 is the whole length, x2 the number of bytes left. Bytes may be written twice. After a fault
// the fill continues byte by byte from x0 (label 90).

sm_accessor fill
    mov x3, x2
    dup v0.16b, w1
    add x7, x0, x2
    cmp x2, #16
    b.lo 20f
    cmp x2, #32
    b.hi 30f
    sm_try 90f, str q0, [x0]
    sm_try 90f, stur q0, [x7, #-16]
    b 92f
20: cmp x2, #8
    b.lo 21f
    sm_try 90f, str d0, [x0]
    sm_try 90f, stur d0, [x7, #-8]
    b 92f
21: cmp x2, #4
    b.lo 90f
    sm_try 90f, str s0, [x0]
    sm_try 90f, stur s0, [x7, #-4]
    b 92f
30: cmp x2, #64
    b.hi 40f
    sm_try 90f, stp q0, q0, [x0]
    sm_try 90f, stp q0, q0, [x7, #-32]
    b 92f
40: sub x2, x2, #64
    .balign 16
41: sm_try 43f, stp q0, q0, [x0]
    sm_try 43f, stp q0, q0, [x0, #32]
    add x0, x0, #64
    subs x2, x2, #64
    b.hi 41b
    // The last 64 bytes, which overlap the ones before.
    sm_try 43f, stp q0, q0, [x7, #-64]
    sm_try 43f, stp q0, q0, [x7, #-32]
    b 92f
43: add x2, x2, #64

90: mov x5, xzr
91: cmp x5, x2
    b.hs 92f
    sm_try 93f, strb w1, [x0, x5]
    add x5, x5, #1
    b 91b
92: mov x0, x3
    mov x1, xzr
    ret
93: sub x0, x3, x2
    add x0, x0, x5
    mov x1, x17
    ret
sm_end fill
