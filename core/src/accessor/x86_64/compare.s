// Compares two ranges up to the first difference.
//
// rdi, rsi: the ranges, rdx: length. Returns rax: number of equal bytes, rdx: fault address, or 0.
//
// rax counts the equal bytes at every step. After a fault the comparison continues byte by byte
// (label 90).

.macro sm_compare_short
    cmp edx, 16
    jae 21f
    cmp edx, 8
    jae 22f
    cmp edx, 4
    jb 91f
    sm_try 90f, mov ecx, dword ptr [rdi]
    sm_try 90f, xor ecx, dword ptr [rsi]
    jnz 81f
    sm_try 90f, mov ecx, dword ptr [rdi + rdx - 4]
    sm_try 90f, xor ecx, dword ptr [rsi + rdx - 4]
    jz 80f
    lea rax, [rdx - 4]
    jmp 81f
22: sm_try 90f, mov rcx, qword ptr [rdi]
    sm_try 90f, xor rcx, qword ptr [rsi]
    jnz 81f
    sm_try 90f, mov rcx, qword ptr [rdi + rdx - 8]
    sm_try 90f, xor rcx, qword ptr [rsi + rdx - 8]
    jz 80f
    lea rax, [rdx - 8]
81: bsf rcx, rcx
    shr ecx, 3
    add rax, rcx
    xor edx, edx
    ret
80: mov rax, rdx
    xor edx, edx
    ret
21: sm_try 90f, movups xmm0, xmmword ptr [rdi]
    sm_try 90f, movups xmm1, xmmword ptr [rsi]
    pcmpeqb xmm0, xmm1
    pmovmskb ecx, xmm0
    xor ecx, 0xffff
    jnz 82f
    sm_try 90f, movups xmm0, xmmword ptr [rdi + rdx - 16]
    sm_try 90f, movups xmm1, xmmword ptr [rsi + rdx - 16]
    pcmpeqb xmm0, xmm1
    pmovmskb ecx, xmm0
    xor ecx, 0xffff
    jz 80b
    lea rax, [rdx - 16]
82: bsf ecx, ecx
    add rax, rcx
    xor edx, edx
    ret
.endm

.macro sm_compare_resume
91: cmp rax, rdx
    jae 92f
    sm_try 93f, movzx ecx, byte ptr [rdi + rax]
    sm_try 93f, movzx r8d, byte ptr [rsi + rax]
    cmp ecx, r8d
    jne 92f
    inc rax
    jmp 91b
92: xor edx, edx
    ret
93: mov rdx, r11
    ret
.endm

sm_accessor compare_avx2
    xor eax, eax
    cmp rdx, 32
    jae 30f
    sm_compare_short

30: lea r8, [rdx - 128]
    cmp rdx, 128
    jb 33f
    .balign 32
32: sm_try 90f, vmovdqu ymm0, ymmword ptr [rdi + rax]
    sm_try 90f, vmovdqu ymm1, ymmword ptr [rdi + rax + 32]
    sm_try 90f, vmovdqu ymm2, ymmword ptr [rdi + rax + 64]
    sm_try 90f, vmovdqu ymm3, ymmword ptr [rdi + rax + 96]
    sm_try 90f, vpcmpeqb ymm0, ymm0, ymmword ptr [rsi + rax]
    sm_try 90f, vpcmpeqb ymm1, ymm1, ymmword ptr [rsi + rax + 32]
    sm_try 90f, vpcmpeqb ymm2, ymm2, ymmword ptr [rsi + rax + 64]
    sm_try 90f, vpcmpeqb ymm3, ymm3, ymmword ptr [rsi + rax + 96]
    vpand ymm4, ymm0, ymm1
    vpand ymm5, ymm2, ymm3
    vpand ymm4, ymm4, ymm5
    vpmovmskb ecx, ymm4
    cmp ecx, -1
    jne 40f
    sub rax, -128
    cmp rax, r8
    jbe 32b
33: lea r8, [rdx - 32]
34: cmp rax, r8
    ja 35f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rdi + rax]
    sm_try 90f, vpcmpeqb ymm0, ymm0, ymmword ptr [rsi + rax]
    vpmovmskb ecx, ymm0
    xor ecx, -1
    jnz 41f
    add rax, 32
    jmp 34b
    // The last 32 bytes, which overlap the ones before.
35: cmp rax, rdx
    je 36f
    sm_try 90f, vmovdqu ymm0, ymmword ptr [rdi + r8]
    sm_try 90f, vpcmpeqb ymm0, ymm0, ymmword ptr [rsi + r8]
    vpmovmskb ecx, ymm0
    mov rax, r8
    xor ecx, -1
    jnz 41f
    mov rax, rdx
36: vzeroupper
    xor edx, edx
    ret
40: vpmovmskb ecx, ymm0
    xor ecx, -1
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm1
    xor ecx, -1
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm2
    xor ecx, -1
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm3
    xor ecx, -1
41: bsf ecx, ecx
    add rax, rcx
    vzeroupper
    xor edx, edx
    ret
90: vzeroupper
    sm_compare_resume
sm_end compare_avx2

sm_accessor compare_sse2
    xor eax, eax
    cmp rdx, 32
    jae 30f
    sm_compare_short

30: lea r8, [rdx - 16]
34: sm_try 90f, movups xmm0, xmmword ptr [rdi + rax]
    sm_try 90f, movups xmm1, xmmword ptr [rsi + rax]
    pcmpeqb xmm0, xmm1
    pmovmskb ecx, xmm0
    xor ecx, 0xffff
    jnz 82b
    add rax, 16
    cmp rax, r8
    jbe 34b
    cmp rax, rdx
    je 80b
    mov rax, r8
    jmp 34b
90: nop
    sm_compare_resume
sm_end compare_sse2

.purgem sm_compare_short
.purgem sm_compare_resume
