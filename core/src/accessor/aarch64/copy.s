// Copies: ascending, and descending for a destination that overlaps the source from above.
//
// x0: destination, x1: source, x2: length. Returns x0: bytes done, x1: fault address, or 0.
//
// x3 is the whole length, x2 the number of bytes left. After a fault the copy continues byte by
// byte from the last offset before which all bytes are done (label 90). A store that crosses into
// an inaccessible page may have written its first part. If the ranges overlap, that part could be
// source that is still needed, so there no store crosses a page.

sm_accessor copy
    mov x3, x2
    sub x5, x1, x0
    cmp x5, x2
    b.lo 60f
    add x6, x1, x2
    add x7, x0, x2
    cmp x2, #16
    b.lo 20f
    cmp x2, #32
    b.hi 30f
    sm_try 90f, ldr q0, [x1]
    sm_try 90f, ldur q1, [x6, #-16]
    sm_try 90f, str q0, [x0]
    sm_try 90f, stur q1, [x7, #-16]
    b 92f
20: cmp x2, #8
    b.lo 21f
    sm_try 90f, ldr x4, [x1]
    sm_try 90f, ldur x5, [x6, #-8]
    sm_try 90f, str x4, [x0]
    sm_try 90f, stur x5, [x7, #-8]
    b 92f
21: cmp x2, #4
    b.lo 22f
    sm_try 90f, ldr w4, [x1]
    sm_try 90f, ldur w5, [x6, #-4]
    sm_try 90f, str w4, [x0]
    sm_try 90f, stur w5, [x7, #-4]
    b 92f
22: cmp x2, #2
    b.lo 90f
    sm_try 90f, ldrh w4, [x1]
    sm_try 90f, ldurb w5, [x6, #-1]
    sm_try 90f, strh w4, [x0]
    sm_try 90f, sturb w5, [x7, #-1]
    b 92f

30: cmp x2, #64
    b.hi 40f
    sm_try 90f, ldp q0, q1, [x1]
    sm_try 90f, ldp q2, q3, [x6, #-32]
    sm_try 90f, stp q0, q1, [x0]
    sm_try 90f, stp q2, q3, [x7, #-32]
    b 92f
40: sub x2, x2, #64
    .balign 16
41: sm_try 43f, ldp q0, q1, [x1]
    sm_try 43f, ldp q2, q3, [x1, #32]
    sm_try 43f, stp q0, q1, [x0]
    sm_try 43f, stp q2, q3, [x0, #32]
    add x1, x1, #64
    add x0, x0, #64
    subs x2, x2, #64
    b.hi 41b
    // The last 64 bytes, which overlap the ones before.
    sm_try 43f, ldp q0, q1, [x6, #-64]
    sm_try 43f, ldp q2, q3, [x6, #-32]
    sm_try 43f, stp q0, q1, [x7, #-64]
    sm_try 43f, stp q2, q3, [x7, #-32]
    b 92f
43: add x2, x2, #64
    b 90f

60: cmp x2, #16
    b.lo 90f
    and x4, x0, #0xfff
    cmp x4, #0xff0
    b.hi 61f
    sm_try 90f, ldr q0, [x1]
    sm_try 90f, str q0, [x0]
    add x1, x1, #16
    add x0, x0, #16
    sub x2, x2, #16
    b 60b
61: sm_try 90f, ldrb w4, [x1]
    sm_try 90f, strb w4, [x0]
    add x1, x1, #1
    add x0, x0, #1
    sub x2, x2, #1
    b 60b

90: mov x5, xzr
91: cmp x5, x2
    b.hs 92f
    sm_try 93f, ldrb w4, [x1, x5]
    sm_try 93f, strb w4, [x0, x5]
    add x5, x5, #1
    b 91b
92: mov x0, x3
    mov x1, xzr
    ret
93: sub x0, x3, x2
    add x0, x0, x5
    mov x1, x17
    ret
sm_end copy

sm_accessor copy_back
    mov x3, x2
60: subs x5, x2, #16
    b.lo 90f
    add x7, x0, x5
    and x4, x7, #0xfff
    cmp x4, #0xff0
    b.hi 61f
    sm_try 90f, ldr q0, [x1, x5]
    sm_try 90f, str q0, [x7]
    mov x2, x5
    b 60b
61: sub x5, x2, #1
    sm_try 90f, ldrb w4, [x1, x5]
    sm_try 90f, strb w4, [x0, x5]
    mov x2, x5
    b 60b

90: cbz x2, 92f
    sub x6, x2, #1
    sm_try 93f, ldrb w4, [x1, x6]
    sm_try 93f, strb w4, [x0, x6]
    mov x2, x6
    b 90b
92: mov x0, x3
    mov x1, xzr
    ret
93: sub x0, x3, x2
    mov x1, x17
    ret
sm_end copy_back
