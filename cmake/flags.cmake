# Compiler and linker flags of everything we wrote, as the interface target kalam_flags.
# Generated code links kalam_flags too and takes back some warnings by its own COMPILE_OPTIONS.
include(CheckPIESupported)
check_pie_supported()

add_library(kalam_flags INTERFACE)

target_compile_options(kalam_flags INTERFACE
    -Wall -Wextra -Wpedantic -Wconversion -Wshadow -Wvla -Werror
    $<$<COMPILE_LANGUAGE:C>:-Wmissing-prototypes>
    -fno-omit-frame-pointer)
target_compile_definitions(kalam_flags INTERFACE _GNU_SOURCE)
target_include_directories(kalam_flags INTERFACE "${PROJECT_SOURCE_DIR}/src")
target_link_options(kalam_flags INTERFACE -Wl,--as-needed)

if(KALAM_TESTING)
    target_compile_definitions(kalam_flags INTERFACE KALAM_TESTING=1)
endif()

if(KALAM_SANITIZE)
    target_compile_options(kalam_flags INTERFACE
        -fsanitize=${KALAM_SANITIZE} -fno-sanitize-recover=all)
    target_link_options(kalam_flags INTERFACE -fsanitize=${KALAM_SANITIZE})
endif()
if(KALAM_FUZZ)
    if(NOT CMAKE_C_COMPILER_ID STREQUAL "Clang")
        message(FATAL_ERROR "KALAM_FUZZ needs clang: libFuzzer is part of it")
    endif()
    target_compile_options(kalam_flags INTERFACE -fsanitize=fuzzer-no-link)
endif()

if(KALAM_HARDEN)
    target_compile_options(kalam_flags INTERFACE
        -fstack-protector-strong -fstack-clash-protection -U_FORTIFY_SOURCE -D_FORTIFY_SOURCE=2)
    if(CMAKE_SYSTEM_PROCESSOR STREQUAL "x86_64")
        target_compile_options(kalam_flags INTERFACE -fcf-protection)
    endif()
    target_link_options(kalam_flags INTERFACE -Wl,-z,relro,-z,now,-z,noexecstack)
endif()
