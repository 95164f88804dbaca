// Copies bytes up to and including the first one with a value. Each register is searched while it
// is copied.
//
// x0: destination, x1: source, x2: maximum number, w3: the value. Returns x0: bytes done, x1: fault
// address, or 0. Up to the maximum, bytes of the destination after these may be overwritten.
//
// x4 counts the bytes done at every step. After a fault the copy continues byte by byte (label 90).

sm_accessor copy_until
    mov x4, xzr
    and w3, w3, #0xff
    dup v0.16b, w3
    subs x5, x2, #16
    b.lo 90f
32: sm_try 90f, ldr q1, [x1, x4]
    sm_try 90f, str q1, [x0, x4]
    cmeq v1.16b, v1.16b, v0.16b
    shrn v1.8b, v1.8h, #4
    fmov x6, d1
    cbnz x6, 41f
    add x4, x4, #16
    cmp x4, x5
    b.ls 32b
90: cmp x4, x2
    b.hs 92f
    sm_try 93f, ldrb w6, [x1, x4]
    sm_try 93f, strb w6, [x0, x4]
    add x4, x4, #1
    cmp w6, w3
    b.ne 90b
92: mov x0, x4
    mov x1, xzr
    ret
93: mov x0, x4
    mov x1, x17
    ret
    // Here the four bits of a matching byte are all set.
41: rbit x6, x6
    clz x6, x6
    add x4, x4, x6, lsr #2
    add x4, x4, #1
    b 92b
sm_end copy_until
