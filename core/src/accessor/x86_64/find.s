// Finds one byte, from the start or from the end.
//
// rdi: range, rsi: length, edx: byte. Returns rax, rdx: see `Outcome` and `accessor::find_byte`.
//
// Ascending, the byte does not occur before the address in rax, and r8 is the end. Descending, it
// does not occur from the address in rax on. After a fault the search continues from there byte by
// byte (label 90).

.macro sm_broadcast
    movd xmm0, edx
    punpcklbw xmm0, xmm0
    punpcklwd xmm0, xmm0
    pshufd xmm0, xmm0, 0
.endm

// Lengths below 32: two overlapping halves. From 8 to 15 bytes, both are compared in one register.
.macro sm_find_short
    cmp esi, 8
    jb 91f
    sm_broadcast
    cmp esi, 16
    jae 21f
    sm_try 90f, movq xmm1, qword ptr [rdi]
    sm_try 90f, movhps xmm1, qword ptr [rdi + rsi - 8]
    pcmpeqb xmm1, xmm0
    pmovmskb ecx, xmm1
    test ecx, ecx
    jz 80f
    bsf eax, ecx
    lea rcx, [rax + rsi - 16]
    cmp eax, 8
    cmovae rax, rcx
    xor edx, edx
    ret
21: sm_try 90f, movups xmm1, xmmword ptr [rdi]
    sm_try 90f, movups xmm2, xmmword ptr [rdi + rsi - 16]
    pcmpeqb xmm1, xmm0
    pcmpeqb xmm2, xmm0
    pmovmskb ecx, xmm1
    test ecx, ecx
    jnz 22f
    pmovmskb ecx, xmm2
    test ecx, ecx
    jz 80f
    bsf eax, ecx
    lea rax, [rax + rsi - 16]
    xor edx, edx
    ret
22: bsf eax, ecx
    xor edx, edx
    ret
80: mov rax, rsi
    xor edx, edx
    ret
.endm

.macro sm_find_resume
91: cmp rax, r8
    jae 80b
    sm_try 93f, movzx ecx, byte ptr [rax]
    cmp cl, dl
    je 92f
    inc rax
    jmp 91b
92: sub rax, rdi
    xor edx, edx
    ret
93: sub rax, rdi
    mov rdx, r11
    ret
.endm

sm_accessor find_byte_avx2
    mov rax, rdi
    lea r8, [rdi + rsi]
    cmp rsi, 32
    jae 30f
    sm_find_short

30: vmovd xmm0, edx
    vpbroadcastb ymm0, xmm0
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rax]
    vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
    or rax, 31
    inc rax
    lea r9, [r8 - 128]
    cmp rsi, 160
    jb 33f
    .balign 32
32: sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rax]
    sm_try 90f, vpcmpeqb ymm2, ymm0, ymmword ptr [rax + 32]
    sm_try 90f, vpcmpeqb ymm3, ymm0, ymmword ptr [rax + 64]
    sm_try 90f, vpcmpeqb ymm4, ymm0, ymmword ptr [rax + 96]
    vpor ymm5, ymm1, ymm2
    vpor ymm6, ymm3, ymm4
    vpor ymm5, ymm5, ymm6
    vpmovmskb ecx, ymm5
    test ecx, ecx
    jnz 40f
    sub rax, -128
    cmp rax, r9
    jbe 32b
33: lea r9, [r8 - 32]
34: cmp rax, r9
    ja 35f
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rax]
    vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
    add rax, 32
    jmp 34b
    // The last 32 bytes, which overlap the ones before.
35: cmp rax, r8
    jae 36f
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [r9]
    mov rax, r9
    vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
36: vzeroupper
    mov rax, rsi
    xor edx, edx
    ret
40: vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm2
    test ecx, ecx
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm4
41: bsf ecx, ecx
    sub rax, rdi
    add rax, rcx
    vzeroupper
    xor edx, edx
    ret
90: vzeroupper
    sm_find_resume
sm_end find_byte_avx2

sm_accessor find_byte_sse2
    mov rax, rdi
    lea r8, [rdi + rsi]
    cmp rsi, 32
    jae 30f
    sm_find_short

30: sm_broadcast
    lea r9, [r8 - 16]
32: sm_try 90f, movups xmm1, xmmword ptr [rax]
    pcmpeqb xmm1, xmm0
    pmovmskb ecx, xmm1
    test ecx, ecx
    jnz 41f
    add rax, 16
    cmp rax, r9
    jbe 32b
    cmp rax, r8
    jae 80b
    mov rax, r9
    jmp 32b
41: bsf ecx, ecx
    sub rax, rdi
    add rax, rcx
    xor edx, edx
    ret
90: nop
    sm_find_resume
sm_end find_byte_sse2

.macro sm_rfind_short
    cmp esi, 8
    jb 91f
    sm_broadcast
    cmp esi, 16
    jae 21f
    sm_try 90f, movq xmm1, qword ptr [rdi]
    sm_try 90f, movhps xmm1, qword ptr [rdi + rsi - 8]
    pcmpeqb xmm1, xmm0
    pmovmskb ecx, xmm1
    test ecx, ecx
    jz 80f
    bsr ecx, ecx
    lea rax, [rcx + rsi - 15]
    inc ecx
    cmp ecx, 8
    cmovbe eax, ecx
    xor edx, edx
    ret
21: sm_try 90f, movups xmm1, xmmword ptr [rdi]
    sm_try 90f, movups xmm2, xmmword ptr [rdi + rsi - 16]
    pcmpeqb xmm1, xmm0
    pcmpeqb xmm2, xmm0
    pmovmskb ecx, xmm2
    test ecx, ecx
    jnz 22f
    pmovmskb ecx, xmm1
    test ecx, ecx
    jz 80f
    bsr eax, ecx
    inc eax
    xor edx, edx
    ret
22: bsr eax, ecx
    lea rax, [rax + rsi - 15]
    xor edx, edx
    ret
80: xor eax, eax
    xor edx, edx
    ret
.endm

.macro sm_rfind_resume
91: cmp rax, rdi
    jbe 80b
    sm_try 93f, movzx ecx, byte ptr [rax - 1]
    cmp cl, dl
    je 92f
    dec rax
    jmp 91b
92: sub rax, rdi
    xor edx, edx
    ret
93: sub rax, rdi
    mov rdx, r11
    ret
.endm

sm_accessor rfind_byte_avx2
    lea rax, [rdi + rsi]
    cmp rsi, 32
    jae 30f
    sm_rfind_short

30: vmovd xmm0, edx
    vpbroadcastb ymm0, xmm0
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rax - 32]
    vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
    dec rax
    and rax, -32
    lea r9, [rdi + 128]
    cmp rsi, 160
    jb 33f
    .balign 32
32: sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rax - 32]
    sm_try 90f, vpcmpeqb ymm2, ymm0, ymmword ptr [rax - 64]
    sm_try 90f, vpcmpeqb ymm3, ymm0, ymmword ptr [rax - 96]
    sm_try 90f, vpcmpeqb ymm4, ymm0, ymmword ptr [rax - 128]
    vpor ymm5, ymm1, ymm2
    vpor ymm6, ymm3, ymm4
    vpor ymm5, ymm5, ymm6
    vpmovmskb ecx, ymm5
    test ecx, ecx
    jnz 40f
    add rax, -128
    cmp rax, r9
    jae 32b
33: lea r9, [rdi + 32]
34: cmp rax, r9
    jb 35f
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rax - 32]
    vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
    sub rax, 32
    jmp 34b
    // The first 32 bytes, which overlap the ones after.
35: cmp rax, rdi
    jbe 36f
    sm_try 90f, vpcmpeqb ymm1, ymm0, ymmword ptr [rdi]
    mov rax, r9
    vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
36: vzeroupper
    xor eax, eax
    xor edx, edx
    ret
40: vpmovmskb ecx, ymm1
    test ecx, ecx
    jnz 41f
    sub rax, 32
    vpmovmskb ecx, ymm2
    test ecx, ecx
    jnz 41f
    sub rax, 32
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    sub rax, 32
    vpmovmskb ecx, ymm4
41: bsr ecx, ecx
    sub rax, rdi
    lea rax, [rax + rcx - 31]
    vzeroupper
    xor edx, edx
    ret
90: vzeroupper
    sm_rfind_resume
sm_end rfind_byte_avx2

sm_accessor rfind_byte_sse2
    lea rax, [rdi + rsi]
    cmp rsi, 32
    jae 30f
    sm_rfind_short

30: sm_broadcast
    lea r9, [rdi + 16]
32: sm_try 90f, movups xmm1, xmmword ptr [rax - 16]
    pcmpeqb xmm1, xmm0
    pmovmskb ecx, xmm1
    test ecx, ecx
    jnz 41f
    sub rax, 16
    cmp rax, r9
    jae 32b
    cmp rax, rdi
    jbe 80b
    mov rax, r9
    jmp 32b
41: bsr ecx, ecx
    sub rax, rdi
    lea rax, [rax + rcx - 15]
    xor edx, edx
    ret
90: nop
    sm_rfind_resume
sm_end rfind_byte_sse2

.purgem sm_broadcast
.purgem sm_find_short
.purgem sm_find_resume
.purgem sm_rfind_short
.purgem sm_rfind_resume
