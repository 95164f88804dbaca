// Counts one byte.
//
// rdi: range, rsi: length, edx: byte. Returns rax, rdx: see `Outcome` and `accessor::count_byte`.
//
// rax is the count of the bytes before the address in r9, and r8 is the end. Vector register 5
// counts the matches in each of its columns. They are added to rax before a column can overflow,
// which takes 256 comparisons, and after a fault. Then the count continues byte by byte (label 91).

.macro sm_count_start
    mov r9, rdi
    lea r8, [rdi + rsi]
    xor eax, eax
.endm

.macro sm_count_bytes
91: cmp r9, r8
    jae 92f
    xor r10d, r10d
    sm_try 93f, cmp byte ptr [r9], dl
    sete r10b
    add rax, r10
    inc r9
    jmp 91b
92: xor edx, edx
    ret
93: mov rdx, r11
    ret
.endm

// Adds the columns of ymm5 to rax. ymm7 is 0.
.macro sm_add_columns_avx2
    vpsadbw ymm5, ymm5, ymm7
    vextracti128 xmm6, ymm5, 1
    vpaddq xmm5, xmm5, xmm6
    vpshufd xmm6, xmm5, 0x4e
    vpaddq xmm5, xmm5, xmm6
    vmovq r10, xmm5
    add rax, r10
.endm

sm_accessor count_byte_avx2
    sm_count_start
    cmp rsi, 32
    jb 91f
    vmovd xmm0, edx
    vpbroadcastb ymm0, xmm0
    vpxor xmm7, xmm7, xmm7
    vpxor xmm5, xmm5, xmm5
    lea r10, [r8 - 128]
    cmp rsi, 128
    jb 33f
31: mov ecx, 63
    .balign 32
32: sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [r9]
    sm_try 90f, vpcmpeqb ymm2, ymm0, ymmword ptr [r9 + 32]
    sm_try 90f, vpcmpeqb ymm3, ymm0, ymmword ptr [r9 + 64]
    sm_try 90f, vpcmpeqb ymm4, ymm0, ymmword ptr [r9 + 96]
    vpaddb ymm1, ymm1, ymm2
    vpaddb ymm3, ymm3, ymm4
    vpaddb ymm1, ymm1, ymm3
    vpsubb ymm5, ymm5, ymm1
    sub r9, -128
    cmp r9, r10
    ja 33f
    dec ecx
    jnz 32b
    sm_add_columns_avx2
    vpxor xmm5, xmm5, xmm5
    lea r10, [r8 - 128]
    jmp 31b
33: lea r10, [r8 - 32]
34: cmp r9, r10
    ja 35f
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [r9]
    vpsubb ymm5, ymm5, ymm1
    add r9, 32
    jmp 34b
35: cmp r9, r8
    je 36f
    // The last 32 bytes. Those before r9 are shifted out.
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [r10]
    vpmovmskb esi, ymm1
    mov ecx, r9d
    sub ecx, r10d
    shr esi, cl
    popcnt esi, esi
    add rax, rsi
36: sm_add_columns_avx2
    vzeroupper
    xor edx, edx
    ret
90: sm_add_columns_avx2
    vzeroupper
    sm_count_bytes
sm_end count_byte_avx2

// Adds the columns of xmm5 to rax. xmm7 is 0.
.macro sm_add_columns_sse2
    psadbw xmm5, xmm7
    pshufd xmm6, xmm5, 0x4e
    paddq xmm5, xmm6
    movq r10, xmm5
    add rax, r10
.endm

sm_accessor count_byte_sse2
    sm_count_start
    cmp rsi, 16
    jb 91f
    movd xmm0, edx
    punpcklbw xmm0, xmm0
    punpcklwd xmm0, xmm0
    pshufd xmm0, xmm0, 0
    pxor xmm7, xmm7
    pxor xmm5, xmm5
31: mov ecx, 255
    lea r10, [r8 - 16]
32: sm_try 90f, movups xmm1, xmmword ptr [r9]
    pcmpeqb xmm1, xmm0
    psubb xmm5, xmm1
    add r9, 16
    cmp r9, r10
    ja 90f
    dec ecx
    jnz 32b
    sm_add_columns_sse2
    pxor xmm5, xmm5
    jmp 31b
90: sm_add_columns_sse2
    sm_count_bytes
sm_end count_byte_sse2

.purgem sm_count_start
.purgem sm_count_bytes
.purgem sm_add_columns_avx2
.purgem sm_add_columns_sse2
