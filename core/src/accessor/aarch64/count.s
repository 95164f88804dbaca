// Counts one byte.
//
// x0: range, x1: length, w2: byte. Returns x0, x1: see `Outcome` and `accessor::count_byte`.
//
// x3 is the count of the bytes before the address in x0, and x1 becomes the end. v5 counts the
// matches in each of its columns. They are added to x3 before a column can overflow, which takes
// 256 comparisons, and after a fault. Then the count continues byte by byte (label 91).

// Adds the columns of v5 to x3.
.macro sm_add_columns
    uaddlv h6, v5.16b
    fmov w5, s6
    add x3, x3, x5
.endm

sm_accessor count_byte
    mov x3, xzr
    add x1, x0, x1
    and w2, w2, #0xff
    dup v0.16b, w2
    movi v5.16b, #0
    sub x4, x1, x0
    cmp x4, #64
    b.lo 33f
    sub x4, x1, #64
31: mov w6, #63
    .balign 16
32: sm_try 90f, ldp q1, q2, [x0]
    sm_try 90f, ldp q3, q4, [x0, #32]
    cmeq v1.16b, v1.16b, v0.16b
    cmeq v2.16b, v2.16b, v0.16b
    cmeq v3.16b, v3.16b, v0.16b
    cmeq v4.16b, v4.16b, v0.16b
    add v1.16b, v1.16b, v2.16b
    add v3.16b, v3.16b, v4.16b
    add v1.16b, v1.16b, v3.16b
    sub v5.16b, v5.16b, v1.16b
    add x0, x0, #64
    cmp x0, x4
    b.hi 33f
    subs w6, w6, #1
    b.ne 32b
    sm_add_columns
    movi v5.16b, #0
    b 31b
33: sub x4, x1, x0
    cmp x4, #16
    b.lo 90f
    // At most 63 * 4 + 3 comparisons since the last addition.
    sm_try 90f, ldr q1, [x0]
    cmeq v1.16b, v1.16b, v0.16b
    sub v5.16b, v5.16b, v1.16b
    add x0, x0, #16
    b 33b
90: sm_add_columns
91: cmp x0, x1
    b.hs 92f
    sm_try 93f, ldrb w5, [x0]
    cmp w5, w2
    cinc x3, x3, eq
    add x0, x0, #1
    b 91b
92: mov x0, x3
    mov x1, xzr
    ret
93: mov x0, x3
    mov x1, x17
    ret
sm_end count_byte

.purgem sm_add_columns
