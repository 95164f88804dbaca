// Finds three bytes at their distances from an index, from the start or from the end.
//
// x0: range, x1: number of indices, x2: `Probe`. Returns x0, x1: see `Outcome` and
// `accessor::find_probe`.
//
// x3 is an index. Ascending, no index before it is a candidate; descending, none from it on. x8, x9
// and x10 are the range moved by the three distances, v0 to v2 (w12 to w14) the bytes. After a
// fault the search continues index by index (label 90) and reads all three bytes at each. So the
// result does not depend on the width of the registers.

.macro sm_probe_open
    ldp x8, x9, [x2, #8]
    ldr x10, [x2, #24]
    ldrb w12, [x2]
    ldrb w13, [x2, #1]
    ldrb w14, [x2, #2]
    add x8, x8, x0
    add x9, x9, x0
    add x10, x10, x0
    dup v0.16b, w12
    dup v1.16b, w13
    dup v2.16b, w14
.endm

.macro sm_marks number
    shrn v\number\().8b, v\number\().8h, #4
    fmov x5, d\number
.endm

.macro sm_probe_at offset
    sm_try 90f, ldr q16, [x8, \offset]
    sm_try 90f, ldr q20, [x9, \offset]
    sm_try 90f, ldr q24, [x10, \offset]
    cmeq v16.16b, v16.16b, v0.16b
    cmeq v20.16b, v20.16b, v1.16b
    cmeq v24.16b, v24.16b, v2.16b
    and v16.16b, v16.16b, v20.16b
    and v16.16b, v16.16b, v24.16b
    sm_marks 16
.endm

.macro sm_probe_one mark, second, third
    cmeq v\mark\().16b, v\mark\().16b, v0.16b
    cmeq v\second\().16b, v\second\().16b, v1.16b
    cmeq v\third\().16b, v\third\().16b, v2.16b
    and v\mark\().16b, v\mark\().16b, v\second\().16b
    and v\mark\().16b, v\mark\().16b, v\third\().16b
.endm

// Marks candidates among the 64 indices from x4 on, in v16 to v19. x5 is not 0 if there is one.
.macro sm_probe_64
    add x6, x8, x4
    add x7, x9, x4
    add x15, x10, x4
    sm_try 90f, ldp q16, q17, [x6]
    sm_try 90f, ldp q18, q19, [x6, #32]
    sm_try 90f, ldp q20, q21, [x7]
    sm_try 90f, ldp q22, q23, [x7, #32]
    sm_try 90f, ldp q24, q25, [x15]
    sm_try 90f, ldp q26, q27, [x15, #32]
    sm_probe_one 16, 20, 24
    sm_probe_one 17, 21, 25
    sm_probe_one 18, 22, 26
    sm_probe_one 19, 23, 27
    orr v20.16b, v16.16b, v17.16b
    orr v21.16b, v18.16b, v19.16b
    orr v20.16b, v20.16b, v21.16b
    umaxp v20.16b, v20.16b, v20.16b
    fmov x5, d20
.endm

// Compares the three bytes of the index `at`. Sets the flags to equal if it is a candidate.
.macro sm_probe_index at
    sm_try 93f, ldrb w5, [x8, \at]
    sm_try 93f, ldrb w6, [x9, \at]
    sm_try 93f, ldrb w7, [x10, \at]
    cmp w5, w12
    ccmp w6, w13, #0, eq
    ccmp w7, w14, #0, eq
.endm

sm_accessor find_probe
    sm_probe_open
    mov x3, xzr
    subs x11, x1, #16
    b.lo 90f
    subs x16, x1, #64
    b.lo 33f
    .balign 16
32: mov x4, x3
    sm_probe_64
    cbnz x5, 40f
    add x3, x3, #64
    cmp x3, x16
    b.ls 32b
33: cmp x3, x11
    b.hi 34f
    sm_probe_at x3
    cbnz x5, 42f
    add x3, x3, #16
    b 33b
34: cmp x3, x1
    b.hs 92f
    // The last 16 indices, which overlap the ones before.
    sm_probe_at x11
    mov x3, x11
    cbnz x5, 42f
    mov x3, x1
    b 92f
40: sm_marks 16
    cbnz x5, 42f
    add x3, x3, #16
    sm_marks 17
    cbnz x5, 42f
    add x3, x3, #16
    sm_marks 18
    cbnz x5, 42f
    add x3, x3, #16
    sm_marks 19
42: rbit x5, x5
    clz x5, x5
    add x3, x3, x5, lsr #2
    b 92f

90: cmp x3, x1
    b.hs 92f
    sm_probe_index x3
    b.eq 92f
    add x3, x3, #1
    b 90b
92: mov x0, x3
    mov x1, xzr
    ret
93: mov x0, x3
    mov x1, x17
    ret
sm_end find_probe

sm_accessor rfind_probe
    sm_probe_open
    mov x3, x1
    cmp x1, #16
    b.lo 90f
    .balign 16
32: subs x4, x3, #64
    b.lo 33f
    sm_probe_64
    cbnz x5, 40f
    mov x3, x4
    b 32b
33: subs x4, x3, #16
    b.lo 34f
    sm_probe_at x4
    cbnz x5, 42f
    mov x3, x4
    b 33b
34: cbz x3, 92f
    // The first 16 indices, which overlap the ones after.
    mov x4, xzr
    sm_probe_at x4
    mov x3, #16
    cbnz x5, 42f
    mov x3, xzr
    b 92f
40: sm_marks 19
    cbnz x5, 42f
    sub x3, x3, #16
    sm_marks 18
    cbnz x5, 42f
    sub x3, x3, #16
    sm_marks 17
    cbnz x5, 42f
    sub x3, x3, #16
    sm_marks 16
42: clz x5, x5
    sub x3, x3, x5, lsr #2
    b 92f

90: cbz x3, 92f
    sub x4, x3, #1
    sm_probe_index x4
    b.eq 92f
    mov x3, x4
    b 90b
92: mov x0, x3
    mov x1, xzr
    ret
93: mov x0, x3
    mov x1, x17
    ret
sm_end rfind_probe

.purgem sm_probe_open
.purgem sm_marks
.purgem sm_probe_at
.purgem sm_probe_one
.purgem sm_probe_64
.purgem sm_probe_index
