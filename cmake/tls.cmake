# libnetfacade-tls: the cipher of tls://, over OpenSSL. libnetfacade finds it when it is asked for a
# wire of that name; nothing else of netfacade needs OpenSSL.

set(NETFACADE_TLS AUTO CACHE STRING "Build libnetfacade-tls: ON, OFF, or AUTO if OpenSSL is found")
set_property(CACHE NETFACADE_TLS PROPERTY STRINGS AUTO ON OFF)

set(tls_libraries)
if(NETFACADE_TLS STREQUAL AUTO)
    find_package(OpenSSL 3.0 QUIET)
    if(NOT OPENSSL_FOUND)
        message(STATUS "netfacade: no tls://, which needs OpenSSL 3 (libssl-dev)")
    endif()
elseif(NETFACADE_TLS)
    find_package(OpenSSL 3.0 REQUIRED)
endif()
if(NOT NETFACADE_TLS OR NOT OPENSSL_FOUND)
    return()
endif()

file(GLOB tls_sources CONFIGURE_DEPENDS src/tls/*.c)
if(NOT NETFACADE_PLAIN_NAMES)
    list(REMOVE_ITEM tls_sources ${PROJECT_SOURCE_DIR}/src/tls/plain.c)
endif()

if(TARGET netfacade)
    add_library(netfacade_tls SHARED ${tls_sources})
    list(APPEND tls_libraries netfacade_tls)
    set(map ${PROJECT_SOURCE_DIR}/src/tls/exports.map)
    # nodelete: OpenSSL keeps pointers to our functions as long as the process lives.
    make_shared(netfacade_tls ${map})
endif()
if(TARGET netfacade_static)
    add_library(netfacade_tls_static STATIC ${tls_sources})
    list(APPEND tls_libraries netfacade_tls_static)
    set_target_properties(netfacade_tls_static PROPERTIES POSITION_INDEPENDENT_CODE ON)
endif()

foreach(library IN LISTS tls_libraries)
    add_library(netfacade::${library} ALIAS ${library})
    set_target_properties(${library} PROPERTIES OUTPUT_NAME netfacade-tls)
    target_link_libraries(${library} PRIVATE OpenSSL::SSL OpenSSL::Crypto Threads::Threads)
    target_include_directories(${library} PRIVATE src include INTERFACE
        $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
        $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
endforeach()
if(NOT TARGET netfacade_tls) # netfacade::netfacade_tls is then the static library
    add_library(netfacade::netfacade_tls ALIAS netfacade_tls_static)
endif()
