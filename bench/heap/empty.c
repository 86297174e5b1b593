/* empty.c - two functions of one instruction each, in a shared library, so that they are called through the same PLT stubs as
 * malloc and free. What a loop with them takes, less their two instructions, is what belongs to the loop and to the stubs. */
__asm__(".text\n"
        ".globl empty_allocate\n"
        ".type empty_allocate, %function\n"
        "empty_allocate:\n"
        "  ret\n"
        ".size empty_allocate, . - empty_allocate\n"
        ".globl empty_release\n"
        ".type empty_release, %function\n"
        "empty_release:\n"
        "  ret\n"
        ".size empty_release, . - empty_release\n"
        ".section .note.GNU-stack,\"\",%progbits\n");
