// Finds one byte, from the start or from the end.
//
// x0: range, x1: length, w2: byte. Returns x0, x1: see `Outcome` and `accessor::find_byte`.
//
// x3 is an index. Ascending, the byte does not occur before it; descending, not from it on. After a
// fault the search continues byte by byte (label 90).

// Packs the marks of a register into x5: four bits per byte, the first byte lowest.
.macro sm_marks number
    shrn v\number\().8b, v\number\().8h, #4
    fmov x5, d\number
.endm

.macro sm_find_at offset
    sm_try 90f, ldr q1, [x0, \offset]
    cmeq v1.16b, v1.16b, v0.16b
    sm_marks 1
.endm

// Marks matches in the 64 bytes from x6 on, in v1 to v4. x5 is not 0 if there is a match.
.macro sm_find_64
    sm_try 90f, ldp q1, q2, [x6]
    sm_try 90f, ldp q3, q4, [x6, #32]
    cmeq v1.16b, v1.16b, v0.16b
    cmeq v2.16b, v2.16b, v0.16b
    cmeq v3.16b, v3.16b, v0.16b
    cmeq v4.16b, v4.16b, v0.16b
    orr v5.16b, v1.16b, v2.16b
    orr v6.16b, v3.16b, v4.16b
    orr v5.16b, v5.16b, v6.16b
    umaxp v5.16b, v5.16b, v5.16b
    fmov x5, d5
.endm

sm_accessor find_byte
    mov x3, xzr
    and w2, w2, #0xff
    dup v0.16b, w2
    subs x4, x1, #16
    b.lo 90f
    subs x7, x1, #64
    b.lo 33f
    .balign 16
32: add x6, x0, x3
    sm_find_64
    cbnz x5, 40f
    add x3, x3, #64
    cmp x3, x7
    b.ls 32b
33: cmp x3, x4
    b.hi 34f
    sm_find_at x3
    cbnz x5, 42f
    add x3, x3, #16
    b 33b
34: cmp x3, x1
    b.hs 92f
    // The last 16 bytes, which overlap the ones before.
    sm_find_at x4
    mov x3, x4
    cbnz x5, 42f
    mov x3, x1
    b 92f
40: sm_marks 1
    cbnz x5, 42f
    add x3, x3, #16
    sm_marks 2
    cbnz x5, 42f
    add x3, x3, #16
    sm_marks 3
    cbnz x5, 42f
    add x3, x3, #16
    sm_marks 4
42: rbit x5, x5
    clz x5, x5
    add x3, x3, x5, lsr #2
    b 92f

90: cmp x3, x1
    b.hs 92f
    sm_try 93f, ldrb w5, [x0, x3]
    cmp w5, w2
    b.eq 92f
    add x3, x3, #1
    b 90b
92: mov x0, x3
    mov x1, xzr
    ret
93: mov x0, x3
    mov x1, x17
    ret
sm_end find_byte

sm_accessor rfind_byte
    mov x3, x1
    and w2, w2, #0xff
    dup v0.16b, w2
    cmp x1, #16
    b.lo 90f
    .balign 16
32: cmp x3, #64
    b.lo 33f
    add x6, x0, x3
    sub x6, x6, #64
    sm_find_64
    cbnz x5, 40f
    sub x3, x3, #64
    b 32b
33: subs x4, x3, #16
    b.lo 34f
    sm_find_at x4
    cbnz x5, 42f
    mov x3, x4
    b 33b
34: cbz x3, 92f
    // The first 16 bytes, which overlap the ones after.
    mov x4, xzr
    sm_find_at x4
    mov x3, #16
    cbnz x5, 42f
    mov x3, xzr
    b 92f
40: sm_marks 4
    cbnz x5, 42f
    sub x3, x3, #16
    sm_marks 3
    cbnz x5, 42f
    sub x3, x3, #16
    sm_marks 2
    cbnz x5, 42f
    sub x3, x3, #16
    sm_marks 1
42: clz x5, x5
    sub x3, x3, x5, lsr #2
    b 92f

90: cbz x3, 92f
    sub x4, x3, #1
    sm_try 93f, ldrb w5, [x0, x4]
    cmp w5, w2
    b.eq 92f
    mov x3, x4
    b 90b
92: mov x0, x3
    mov x1, xzr
    ret
93: mov x0, x3
    mov x1, x17
    ret
sm_end rfind_byte

.purgem sm_marks
.purgem sm_find_at
.purgem sm_find_64
