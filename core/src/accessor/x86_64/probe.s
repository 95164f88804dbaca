// Finds three bytes at their distances from an index, from the start or from the end.
//
// rdi: range, rsi: number of indices, rdx: `Probe`. Returns rax, rdx: see `Outcome` and
// `accessor::find_probe`.
//
// rax is an index. Ascending, no index before it is a candidate; descending, none from it on. r8,
// r9 and r10 are the range moved by the three distances. After a fault the search continues index
// by index (label 90) and reads all three bytes at each. So the result does not depend on the width
// of the registers.

.macro sm_probe_open
    mov r8, qword ptr [rdx + 8]
    mov r9, qword ptr [rdx + 16]
    mov r10, qword ptr [rdx + 24]
    add r8, rdi
    add r9, rdi
    add r10, rdi
.endm

// Sets cl to 0 if the index `at` is a candidate.
.macro sm_probe_index to, at:vararg
    sm_try \to, movzx ecx, byte ptr [r8 + \at]
    xor cl, byte ptr [rdx]
    sm_try \to, movzx edi, byte ptr [r9 + \at]
    xor dil, byte ptr [rdx + 1]
    or cl, dil
    sm_try \to, movzx edi, byte ptr [r10 + \at]
    xor dil, byte ptr [rdx + 2]
    or cl, dil
.endm

.macro sm_probe_resume
91: cmp rax, rsi
    jae 92f
    sm_probe_index 93f, rax
    jz 92f
    inc rax
    jmp 91b
92: xor edx, edx
    ret
93: mov rdx, r11
    ret
.endm

.macro sm_rprobe_resume
91: test rax, rax
    jz 92f
    sm_probe_index 93f, rax - 1
    jz 92f
    dec rax
    jmp 91b
92: xor edx, edx
    ret
93: mov rdx, r11
    ret
.endm

// Prefetches the 128 bytes of a later step, which causes no fault. Three loads per 32 bytes do not
// saturate the memory bandwidth: with prefetches a search of 64 MiB takes a tenth to a sixth less
// time (`x.py bench find`, Zen 3). One load per 32 bytes does saturate it, and prefetches slow it
// down, so find.s has none.
.macro sm_probe_ahead at:vararg
    prefetcht0 [r10 + \at]
    prefetcht0 [r10 + \at + 64]
.endm

.macro sm_probe_pair to, mark, scratch, at:vararg
    sm_try \to, vpcmpeqb \mark, ymm0, ymmword ptr [r8 + \at]
    sm_try \to, vpcmpeqb \scratch, ymm1, ymmword ptr [r9 + \at]
    vpand \mark, \mark, \scratch
.endm

.macro sm_probe_vector to, mark, scratch, at:vararg
    sm_probe_pair \to, \mark, \scratch, \at
    sm_try \to, vpcmpeqb \scratch, ymm2, ymmword ptr [r10 + \at]
    vpand \mark, \mark, \scratch
.endm

// The next 128 indices, by one of the two macros above.
.macro sm_probe_four one
    sm_probe_ahead rax + 1024
    \one 90f, ymm3, ymm7, rax
    \one 90f, ymm4, ymm8, rax + 32
    \one 90f, ymm5, ymm9, rax + 64
    \one 90f, ymm6, ymm10, rax + 96
    vpor ymm7, ymm3, ymm4
    vpor ymm8, ymm5, ymm6
    vpor ymm7, ymm7, ymm8
    vpmovmskb ecx, ymm7
    test ecx, ecx
.endm

// Like sm_probe_vector for 16 indices, with AVX instructions on xmm registers.
.macro sm_probe_half at:vararg
    sm_try 90f, vpcmpeqb xmm3, xmm0, xmmword ptr [r8 + \at]
    sm_try 90f, vpcmpeqb xmm4, xmm1, xmmword ptr [r9 + \at]
    vpand xmm3, xmm3, xmm4
    sm_try 90f, vpcmpeqb xmm4, xmm2, xmmword ptr [r10 + \at]
    vpand xmm3, xmm3, xmm4
    vpmovmskb ecx, xmm3
    test ecx, ecx
.endm

sm_accessor find_probe_avx2
    sm_probe_open
    xor eax, eax
    cmp rsi, 16
    jb 91f
    vpbroadcastb ymm0, byte ptr [rdx]
    vpbroadcastb ymm1, byte ptr [rdx + 1]
    vpbroadcastb ymm2, byte ptr [rdx + 2]
    cmp rsi, 32
    jb 50f
    lea rdi, [rsi - 128]
    cmp rsi, 256
    jb 31f
    // Align one of the three loads, so that it does not cross cache lines.
    sm_probe_vector 90f, ymm3, ymm7, rax
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    mov ecx, r10d
    and ecx, 31
    mov eax, 32
    sub eax, ecx
    // Compare only two bytes if the third is the second one again.
    cmp r9, r10
    jne 31f
    movzx ecx, byte ptr [rdx + 1]
    cmp cl, byte ptr [rdx + 2]
    je 37f
31: cmp rax, rdi
    jg 33f
    .balign 32
32: sm_probe_four sm_probe_vector
    jnz 40f
    sub rax, -128
    cmp rax, rdi
    jbe 32b
33: lea rdi, [rsi - 32]
34: cmp rax, rdi
    ja 35f
    sm_probe_vector 90f, ymm3, ymm7, rax
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    add rax, 32
    jmp 34b
    // The last 32 indices, which overlap the ones before.
35: cmp rax, rsi
    jae 36f
    sm_probe_vector 90f, ymm3, ymm7, rdi
    mov rax, rdi
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
36: mov rax, rsi
    vzeroupper
    xor edx, edx
    ret
37: cmp rax, rdi
    jg 33b
    .balign 32
38: sm_probe_four sm_probe_pair
    jnz 40f
    sub rax, -128
    cmp rax, rdi
    jbe 38b
    jmp 33b
40: vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm4
    test ecx, ecx
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm5
    test ecx, ecx
    jnz 41f
    add rax, 32
    vpmovmskb ecx, ymm6
41: bsf ecx, ecx
    add rax, rcx
    vzeroupper
    xor edx, edx
    ret
50: sm_probe_half rax
    jnz 41b
    lea rdi, [rsi - 16]
    sm_probe_half rdi
    mov rax, rdi
    jnz 41b
    jmp 36b
90: vzeroupper
    sm_probe_resume
sm_end find_probe_avx2

sm_accessor rfind_probe_avx2
    sm_probe_open
    mov rax, rsi
    cmp rsi, 16
    jb 91f
    vpbroadcastb ymm0, byte ptr [rdx]
    vpbroadcastb ymm1, byte ptr [rdx + 1]
    vpbroadcastb ymm2, byte ptr [rdx + 2]
    cmp rsi, 32
    jb 50f
    cmp rsi, 256
    jb 31f
    sm_probe_vector 90f, ymm3, ymm7, rax - 32
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    lea ecx, [r10 + rax]
    and ecx, 31
    sub rax, rcx
31: add rax, -128
    jnc 33f
    .balign 32
32: sm_probe_ahead rax - 1024
    sm_probe_vector 89f, ymm3, ymm7, rax + 96
    sm_probe_vector 89f, ymm4, ymm8, rax + 64
    sm_probe_vector 89f, ymm5, ymm9, rax + 32
    sm_probe_vector 89f, ymm6, ymm10, rax
    vpor ymm7, ymm3, ymm4
    vpor ymm8, ymm5, ymm6
    vpor ymm7, ymm7, ymm8
    vpmovmskb ecx, ymm7
    test ecx, ecx
    jnz 40f
    add rax, -128
    jc 32b
33: sub rax, -128
34: cmp rax, 32
    jb 35f
    sm_probe_vector 90f, ymm3, ymm7, rax - 32
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    sub rax, 32
    jmp 34b
    // The first 32 indices, which overlap the ones after.
35: test rax, rax
    jz 36f
    xor edi, edi
    sm_probe_vector 90f, ymm3, ymm7, rdi
    mov eax, 32
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
36: xor eax, eax
    vzeroupper
    xor edx, edx
    ret
40: sub rax, -128
    vpmovmskb ecx, ymm3
    test ecx, ecx
    jnz 41f
    sub rax, 32
    vpmovmskb ecx, ymm4
    test ecx, ecx
    jnz 41f
    sub rax, 32
    vpmovmskb ecx, ymm5
    test ecx, ecx
    jnz 41f
    sub rax, 32
    vpmovmskb ecx, ymm6
41: bsr ecx, ecx
    lea rax, [rax + rcx - 31]
    vzeroupper
    xor edx, edx
    ret
50: sm_probe_half rax - 16
    jnz 51f
    xor edi, edi
    sm_probe_half rdi
    mov eax, 16
    jz 36b
51: bsr ecx, ecx
    lea rax, [rax + rcx - 15]
    vzeroupper
    xor edx, edx
    ret
89: sub rax, -128
90: vzeroupper
    sm_rprobe_resume
sm_end rfind_probe_avx2

// Without AVX2: 16 indices per iteration.
.macro sm_probe_sse2 at:vararg
    sm_try 90f, movups xmm3, xmmword ptr [r8 + \at]
    sm_try 90f, movups xmm4, xmmword ptr [r9 + \at]
    pcmpeqb xmm3, xmm0
    sm_try 90f, movups xmm5, xmmword ptr [r10 + \at]
    pcmpeqb xmm4, xmm1
    pcmpeqb xmm5, xmm2
    pand xmm3, xmm4
    pand xmm3, xmm5
    pmovmskb ecx, xmm3
    test ecx, ecx
.endm

.macro sm_broadcast_from register, at:vararg
    movzx ecx, byte ptr [\at]
    movd \register, ecx
    punpcklbw \register, \register
    punpcklwd \register, \register
    pshufd \register, \register, 0
.endm

sm_accessor find_probe_sse2
    sm_probe_open
    xor eax, eax
    cmp rsi, 16
    jb 91f
    sm_broadcast_from xmm0, rdx
    sm_broadcast_from xmm1, rdx + 1
    sm_broadcast_from xmm2, rdx + 2
    lea rdi, [rsi - 16]
32: sm_probe_sse2 rax
    jnz 41f
    add rax, 16
    cmp rax, rdi
    jbe 32b
    cmp rax, rsi
    jae 36f
    mov rax, rdi
    jmp 32b
36: mov rax, rsi
    xor edx, edx
    ret
41: bsf ecx, ecx
    add rax, rcx
    xor edx, edx
    ret
90: nop
    sm_probe_resume
sm_end find_probe_sse2

sm_accessor rfind_probe_sse2
    sm_probe_open
    mov rax, rsi
    cmp rsi, 16
    jb 91f
    sm_broadcast_from xmm0, rdx
    sm_broadcast_from xmm1, rdx + 1
    sm_broadcast_from xmm2, rdx + 2
32: sm_probe_sse2 rax - 16
    jnz 41f
    sub rax, 16
    cmp rax, 16
    jae 32b
    test rax, rax
    jz 36f
    mov eax, 16
    jmp 32b
36: xor edx, edx
    ret
41: bsr ecx, ecx
    lea rax, [rax + rcx - 15]
    xor edx, edx
    ret
90: nop
    sm_rprobe_resume
sm_end rfind_probe_sse2

.purgem sm_probe_open
.purgem sm_probe_index
.purgem sm_probe_resume
.purgem sm_rprobe_resume
.purgem sm_probe_ahead
.purgem sm_probe_pair
.purgem sm_probe_vector
.purgem sm_probe_four
.purgem sm_probe_half
.purgem sm_probe_sse2
.purgem sm_broadcast_from
