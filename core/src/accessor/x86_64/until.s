// Copies bytes up to and including the first one with a value. Each register is searched while it
// is copied.
//
// rdi: destination, rsi: source, rdx: maximum number, ecx: the value. Returns rax: bytes done, rdx:
// fault address, or 0. Up to the maximum, bytes of the destination after these may be overwritten.
//
// rax counts the bytes done at every step. After a fault the copy continues byte by byte (label
// 90).

.macro sm_until_end width, clean:vararg
90: add rdx, \width
    \clean
91: cmp rax, rdx
    jae 92f
    sm_try 93f, movzx r8d, byte ptr [rsi + rax]
    sm_try 93f, mov [rdi + rax], r8b
    inc rax
    cmp r8b, cl
    jne 91b
92: xor edx, edx
    ret
93: mov rdx, r11
    ret
41: bsf r8d, r8d
    lea rax, [rax + r8 + 1]
    \clean
    xor edx, edx
    ret
.endm

sm_accessor copy_until_avx2
    xor eax, eax
    vmovd xmm0, ecx
    vpbroadcastb ymm0, xmm0
    sub rdx, 32
    jb 90f
32: sm_try 90f, vmovdqu ymm1, ymmword ptr [rsi + rax]
    sm_try 90f, vmovdqu ymmword ptr [rdi + rax], ymm1
    vpcmpeqb ymm1, ymm1, ymm0
    vpmovmskb r8d, ymm1
    test r8d, r8d
    jnz 41f
    add rax, 32
    cmp rax, rdx
    jbe 32b
    sm_until_end 32, vzeroupper
sm_end copy_until_avx2

sm_accessor copy_until_sse2
    xor eax, eax
    movd xmm0, ecx
    punpcklbw xmm0, xmm0
    punpcklwd xmm0, xmm0
    pshufd xmm0, xmm0, 0
    sub rdx, 16
    jb 90f
32: sm_try 90f, movups xmm1, xmmword ptr [rsi + rax]
    sm_try 90f, movups xmmword ptr [rdi + rax], xmm1
    pcmpeqb xmm1, xmm0
    pmovmskb r8d, xmm1
    test r8d, r8d
    jnz 41f
    add rax, 16
    cmp rax, rdx
    jbe 32b
    sm_until_end 16
sm_end copy_until_sse2

.purgem sm_until_end
