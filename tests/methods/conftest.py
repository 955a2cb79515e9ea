import pytest

from tests.methods import small, small_clinic


@pytest.fixture(scope="session")
def patients_cache(tmp_path_factory):
    """Where the patients' cohort is prepared, once a session."""
    return tmp_path_factory.mktemp("patients")


@pytest.fixture(scope="session")
def patients(patients_cache):
    """The ten patients, divided."""
    return small.patients(patients_cache)


@pytest.fixture(scope="session")
def taught(patients):
    """A trained teacher."""
    return small.fit(small.teacher(), patients)


@pytest.fixture(scope="session")
def clinic_cache(tmp_path_factory):
    """Where the clinic's cohort is prepared, once a session."""
    return tmp_path_factory.mktemp("clinic")


@pytest.fixture(scope="session")
def clinic(clinic_cache):
    """The clinic's patients as whole volumes, divided."""
    return small_clinic.clinic(clinic_cache)
